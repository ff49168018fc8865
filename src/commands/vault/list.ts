import {BaseCommand} from '../../cli/base-command.ts';
import {describeState} from '../../cli/report/vault-state.ts';
import {listOpenVaults, type VaultState} from '../../vault/state.ts';

export default class List extends BaseCommand<readonly VaultState[]> {
  static override description =
    'Lists the vaults that are open now, as the kernel reports them. Root sees those of every user.';
  static override examples = ['<%= config.bin %> <%= command.id %>', '<%= config.bin %> <%= command.id %> --json'];
  static override summary = 'List the open vaults';

  async run(): Promise<readonly VaultState[]> {
    await this.parse(List);
    const vaults = listOpenVaults();
    this.log(vaults.length === 0 ? 'No vault is open.' : vaults.map((vault) => describeState(vault)).join('\n\n'));
    return vaults;
  }
}
