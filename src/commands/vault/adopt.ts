import {Flags} from '@oclif/core';
import {existsSync} from 'node:fs';
import {BaseCommand} from '../../cli/base-command.ts';
import {adoptVault, type AdoptResult} from '../../vault/adopt.ts';
import {confirm} from '../../cli/prompt/ask.ts';
import {adoptionNotAgreed, noVaultAt, onlyOutside} from '../../vault/failures.ts';
import {locateImage} from '../../vault/location.ts';
import {imageFlags, keyFlags, openFlags} from '../../cli/vault-flags.ts';

export default class Adopt extends BaseCommand<AdoptResult> {
  static override description = [
    'Changes the owner and group of everything in a vault to you.',
    'You need this for a vault that was used on another machine, where your account has a different user ID, ' +
      'or that root wrote to, as with plain mkfs.ext4. The command opens the vault, changes the owner, and closes ' +
      'it. It needs sudo or root, changes no permission bits, and leaves devices alone. If it is interrupted, ' +
      'run it again.',
  ].join('\n\n');
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --image ~/team.img --yes',
    '<%= config.bin %> <%= command.id %> --passphrase-file FILE --yes --json',
  ];
  static override flags = {
    ...imageFlags,
    ...keyFlags,
    engine: openFlags.engine,
    isolation: openFlags.isolation,
    yes: Flags.boolean({char: 'y', description: 'change the owner without asking'}),
  };
  static override summary = 'Make every file in a vault yours';

  async run(): Promise<AdoptResult> {
    const {flags} = await this.parse(Adopt);
    if ((await this.inside({})) !== undefined) throw onlyOutside('A vault cannot be adopted inside a ghost.');
    const settings = await this.configured(flags, 'image', 'mount-point', 'engine', 'isolation');
    const image = locateImage(settings.image);
    if (!existsSync(image)) {
      throw noVaultAt(image);
    }
    if (!flags.yes) await this.#agree(image);
    const result = await adoptVault({...settings, image}, this.presentation(flags));
    if (typeof result === 'number') this.exit(result);
    const {changed, left} = result;
    const kept = left === 0 ? '' : ` ${left} ${left === 1 ? 'device keeps its' : 'devices keep their'} owner.`;
    this.log(`Changed the owner of ${changed} ${changed === 1 ? 'entry' : 'entries'} in ${image}.${kept}`);
    return result;
  }

  async #agree(image: string): Promise<void> {
    const canAsk = process.stdin.isTTY && !this.jsonEnabled();
    if (canAsk && (await confirm(`Change the owner of everything in ${image} to you?`, 'no'))) return;
    throw adoptionNotAgreed(canAsk);
  }
}
