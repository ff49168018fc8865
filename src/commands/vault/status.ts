import {BaseCommand} from '../../base-command.ts';
import {locateImage} from '../../vault/location.ts';
import {describeState} from '../../vault/describe.ts';
import {readVaultState, type VaultState} from '../../vault/state.ts';
import {imageFlags} from '../../vault/vault-flags.ts';

export default class Status extends BaseCommand<VaultState> {
  static override aliases = ['status'];
  static override description = [
    'Says whether the vault is absent, locked or open, as the kernel knows it.',
    'No state file is asked. For an open vault it says which engine serves it, how the session is ' +
      'isolated, where it is mounted, since when, and which processes are in it.',
  ].join('\n\n');
  static override examples = ['<%= config.bin %> <%= command.id %>', '<%= config.bin %> <%= command.id %> --json'];
  static override flags = {...imageFlags};
  static override summary = 'Show the state of the vault.';

  async run(): Promise<VaultState> {
    const {flags} = await this.parse(Status);
    const {image} = await this.configured(flags, 'image');
    const state = await readVaultState(locateImage(image));
    this.log(describeState(state));
    return state;
  }
}
