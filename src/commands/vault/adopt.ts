import {Flags} from '@oclif/core';
import {existsSync} from 'node:fs';
import {BaseCommand} from '../../cli/base-command.ts';
import {adoptVault, type AdoptResult} from '../../vault/adopt.ts';
import {adoptionNotAgreed, noVaultAt, onlyOutside} from '../../vault/failures.ts';
import {imageFlags, keyFlags, openFlags} from '../../cli/vault-flags.ts';
import {vaultRequest} from '../../cli/vault-request.ts';
import {count} from '../../foundation/count.ts';

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
    const request = vaultRequest(await this.configured(flags, 'image', 'mount-point', 'engine', 'isolation'));
    const {image} = request;
    if (!existsSync(image)) throw noVaultAt(image);
    if (!flags.yes && !(await this.agrees(`Change the owner of everything in ${image} to you?`))) {
      throw adoptionNotAgreed(this.canAsk());
    }
    const result = await adoptVault(request, this.presentation(flags));
    if (typeof result === 'number') this.exit(result);
    const {changed, left} = result;
    const kept = left === 0 ? '' : ` ${left} ${left === 1 ? 'device keeps its' : 'devices keep their'} owner.`;
    this.log(`Changed the owner of ${count(changed, 'entry', 'entries')} in ${image}.${kept}`);
    return result;
  }
}
