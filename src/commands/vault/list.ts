import {BaseCommand} from '../../cli/base-command.ts';
import {describeState} from '../../cli/report/vault-state.ts';
import {listVaults, type VaultState} from '../../vault/state.ts';

export default class List extends BaseCommand<readonly VaultState[]> {
  static override description =
    'Lists the vaults that are open now, as the kernel reports them, and those that have a name: open, locked, or ' +
    'absent. Root sees the open vaults of every user.';
  static override examples = ['<%= config.bin %> <%= command.id %>', '<%= config.bin %> <%= command.id %> --json'];
  static override summary = 'List the vaults that are open or have a name';

  async run(): Promise<readonly VaultState[]> {
    await this.parse(List);
    const vaults = await listVaults((text) => this.remark(text));
    const none = 'No vault is open, and none has a name.';
    this.log(vaults.length === 0 ? none : vaults.map((vault) => describeState(vault)).join('\n\n'));
    return vaults;
  }
}
