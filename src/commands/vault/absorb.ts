import {BaseCommand} from '../../cli/base-command.ts';
import {absorb, type AbsorbResult} from '../../vault/absorb.ts';
import {vaultHere} from '../../vault/inside.ts';
import {absorbInside} from '../../vault/failures.ts';
import {imageFlags, keyFlags, openFlags} from '../../cli/vault-flags.ts';
import {vaultRequest} from '../../cli/vault-request.ts';
import {count} from '../../foundation/count.ts';

export default class Absorb extends BaseCommand<AbsorbResult> {
  static override description = [
    'Moves files that are in the mount point, but outside the vault, into the vault.',
    'A file written to ~/secrets while the vault is locked stays on the disk, unencrypted, and sessions do ' +
      'not see it. TazPod copies each file, syncs and compares the copy, and only then removes the file ' +
      'outside. It never overwrites a file of the vault. Backups may still contain the unencrypted file: ' +
      'rotate important secrets.',
  ].join('\n\n');
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --image ~/team.img',
  ];
  static override flags = {...imageFlags, ...keyFlags, ...openFlags};
  static override summary = 'Move files from the locked mount point into the vault';

  async run(): Promise<AbsorbResult> {
    const {flags} = await this.parse(Absorb);
    if (vaultHere() !== undefined) throw absorbInside();
    const settings = await this.configured(flags, 'image', 'mount-point', 'engine', 'isolation');
    const result = await absorb(vaultRequest(settings), this.presentation(flags));
    const {absorbed, mountPoint} = result;
    this.log(
      absorbed.length === 0
        ? `${mountPoint} contains no files outside the vault.`
        : `Moved ${count(absorbed.length, 'entry', 'entries')} from ${mountPoint} into the vault.`,
    );
    return result;
  }
}
