import {Args, Flags} from '@oclif/core';
import {backupFlags} from '../../cli/backup-flags.ts';
import {CopyCommand} from '../../cli/copy-command.ts';
import {describePreview} from '../../cli/report/restore-preview.ts';
import {vaultRequest} from '../../cli/vault-request.ts';
import {onlyOutside, restoreNotAgreed} from '../../vault/failures.ts';
import {locateImage} from '../../vault/location.ts';
import {nothingRestored, restoreHeader, restoreImage, type RestoreResult, withBackup} from '../../vault/restore.ts';

export default class Restore extends CopyCommand<RestoreResult> {
  static override args = {file: Args.string({description: 'a file that vault backup made', required: true})};
  static override description = [
    'Puts a copy of a backup into the place of a vault, and keeps the image that was there.',
    'TazPod shows the age, size, UUID and key slots of the backup, and in what it differs from the vault, and asks. ' +
      'The copy is verified as in vault backup. The image that was there gets the name ' +
      'vault.img.before-restore-TIME beside the new one; remove it when you no longer need it.',
    '--header restores the header with its key slots only, and keeps the one that was there in a file. It needs the ' +
      'space of a second image for a while. The passphrases ' +
      'of the backup open the vault again, also those that you have changed or removed since.',
  ].join('\n\n');
  static override examples = [
    '<%= config.bin %> <%= command.id %> /media/stick/vault.img',
    '<%= config.bin %> <%= command.id %> backup.img --yes --passphrase-file FILE --json',
    '<%= config.bin %> <%= command.id %> --header vault.header',
  ];
  static override flags = {
    ...backupFlags,
    'dry-run': Flags.boolean({char: 'n', description: 'show what would be restored, and change nothing'}),
    yes: Flags.boolean({char: 'y', description: 'restore without asking'}),
  };
  static override summary = 'Put a verified copy of a backup in the place of a vault';

  async run(): Promise<RestoreResult> {
    const {args, flags} = await this.parse(Restore);
    if ((await this.inside({})) !== undefined) throw onlyOutside('A vault cannot be restored from inside a ghost.');
    const request = vaultRequest(await this.configured(flags, 'image', 'mount-point', 'engine', 'isolation'));
    const kind = flags.header ? 'header' : 'image';
    const result = await withBackup(request.image, locateImage(args.file), kind, async (backup) => {
      for (const warning of backup.header.warnings) this.remark(warning);
      this.log(describePreview(backup.preview));
      if (flags['dry-run']) return nothingRestored(backup.preview);
      if (!flags.yes && !(await this.agrees(`Restore ${request.image} from this backup?`))) {
        throw restoreNotAgreed(this.canAsk());
      }
      const presentation = this.presentation(flags);
      if (flags.header) return restoreHeader(backup, presentation);
      return restoreImage(backup, this.openCopyWith(flags.open, request), presentation);
    });
    if (flags['dry-run']) return result;
    const kept = result.kept === undefined ? '' : ` What was there before is ${result.kept}.`;
    const verified = flags.header ? '' : ` ${this.describeVerified(result.verified)}`;
    this.log(`Restored ${result.image}.${kept}${verified}`);
    return result;
  }
}
