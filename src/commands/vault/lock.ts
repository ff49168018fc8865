import {Flags} from '@oclif/core';
import {BaseCommand} from '../../base-command.ts';
import {lockFromInside, ownVault} from '../../vault/lock-inside.ts';
import {lockFromOutside, type LockResult} from '../../vault/lock.ts';
import {locateImage} from '../../vault/location.ts';
import {imageFlags} from '../../vault/vault-flags.ts';

export default class Lock extends BaseCommand<LockResult> {
  static override aliases = ['lock'];
  static override description = [
    'Closes the vault: ends the ghost from any other shell, or from inside it.',
    "The session's processes get SIGHUP, and SIGKILL after the grace time. The session's own unlock ends " + 'with 79.',
  ].join('\n\n');
  static override examples = ['<%= config.bin %> <%= command.id %>', '<%= config.bin %> <%= command.id %> --grace 10'];
  static override flags = {
    ...imageFlags,
    grace: Flags.integer({
      description: 'seconds between SIGHUP and SIGKILL',
      default: 3,
      helpValue: 'SECONDS',
      max: 600,
      min: 0,
    }),
  };
  static override summary = 'Close the vault.';

  async run(): Promise<LockResult> {
    const {flags} = await this.parse(Lock);
    const own = ownVault();
    if (own !== undefined) {
      lockFromInside(flags.grace * 1000);
      return {image: own.image, wasOpen: true};
    }
    const {image} = await this.configured(flags, 'image');
    const result = await lockFromOutside(locateImage(image), flags.grace * 1000, this.presentation(flags));
    this.log(result.wasOpen ? 'The vault is closed.' : 'The vault was not open.');
    return result;
  }
}
