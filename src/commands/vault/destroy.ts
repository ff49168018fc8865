import {Flags} from '@oclif/core';
import {existsSync} from 'node:fs';
import {BaseCommand} from '../../cli/base-command.ts';
import {ask} from '../../cli/prompt/ask.ts';
import {imageFlags} from '../../cli/vault-flags.ts';
import {destroyVault, type DestroyResult, vaultName} from '../../vault/destroy.ts';
import {destructionNotAgreed, noVaultAt, onlyOutside} from '../../vault/failures.ts';
import {knownByImage} from '../../vault/known-vaults.ts';
import {locateImage} from '../../vault/location.ts';

export default class Destroy extends BaseCommand<DestroyResult> {
  static override description = [
    'Makes a locked vault unreadable for good, and removes its image.',
    'Overwrites the key slots and both copies of the header with random bytes, and syncs them. Without a key slot nobody ' +
      'can read the vault, not even with the passphrase. You type the name of the vault first; --yes does not ask.',
    'Backups and other copies live on, with their passphrases: destroy them too. A disk or a file system that writes in ' +
      'new places, an SSD, btrfs, a snapshot, may keep the old blocks for a while.',
  ].join('\n\n');
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --image ~/team.img --yes --json',
  ];
  static override flags = {
    ...imageFlags,
    yes: Flags.boolean({char: 'y', description: 'destroy the vault without asking'}),
  };
  static override summary = 'Erase the keys of a vault and remove its image';

  async run(): Promise<DestroyResult> {
    const {flags} = await this.parse(Destroy);
    if ((await this.inside({})) !== undefined) throw onlyOutside('A vault cannot be destroyed from inside a ghost.');
    const {image: named} = await this.configured(flags, 'image');
    const image = locateImage(named);
    if (!existsSync(image)) throw noVaultAt(image);
    if (!flags.yes) await this.#confirm(image);
    const result = await destroyVault(image);
    const known = knownByImage(image);
    this.log(`Destroyed ${result.image}: its keys are overwritten, and it was removed.`);
    if (known !== undefined) this.remark(`Its name is still known. To forget it: tazpod vault forget ${known.name}`);
    for (const file of result.remaining) this.remark(`${file} still opens with the passphrases that it was made with.`);
    return result;
  }

  async #confirm(image: string): Promise<void> {
    const name = vaultName(image);
    const typed = this.canAsk()
      ? await ask(`This makes everything in ${image} unreadable for good. Type the name of the vault, ${name}:`)
      : undefined;
    if (typed !== name) throw destructionNotAgreed(typed !== undefined);
  }
}
