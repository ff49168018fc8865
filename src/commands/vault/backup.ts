import {Args} from '@oclif/core';
import {backupFlags} from '../../cli/backup-flags.ts';
import {CopyCommand} from '../../cli/copy-command.ts';
import {vaultRequest} from '../../cli/vault-request.ts';
import {backUp, backUpHeader, type BackupResult} from '../../vault/backup.ts';
import {onlyOutside} from '../../vault/failures.ts';
import {locateImage} from '../../vault/location.ts';
import {formatSize} from '../../vault/size.ts';

export default class Backup extends CopyCommand<BackupResult> {
  static override args = {
    file: Args.string({description: 'the new file; TazPod never overwrites one', required: true}),
  };
  static override description = [
    'Copies the image of a locked vault to FILE, and proves that the copy works.',
    'TazPod holds the lock of the vault meanwhile, syncs the copy, compares it with the image by SHA-256, and opens it ' +
      'once, read-only. On a file system with reflinks the copy takes no space at first. FILE gets its name only when ' +
      'all of that is done. Without a terminal and without a key the copy is compared and not opened.',
    '--header copies the key slots only, as cryptsetup luksHeaderBackup does. Keep it as safe as the image: it opens ' +
      'with the passphrases of today, even after you have changed them.',
  ].join('\n\n');
  static override examples = [
    '<%= config.bin %> <%= command.id %> /media/stick/vault-$(date +%F).img',
    '<%= config.bin %> <%= command.id %> backup.img --passphrase-file FILE --json',
    '<%= config.bin %> <%= command.id %> --header vault.header',
  ];
  static override flags = backupFlags;
  static override summary = 'Copy a locked vault and verify the copy';

  async run(): Promise<BackupResult> {
    const {args, flags} = await this.parse(Backup);
    if ((await this.inside({})) !== undefined) throw onlyOutside('A vault cannot be backed up from inside its ghost.');
    const request = vaultRequest(await this.configured(flags, 'image', 'mount-point', 'engine', 'isolation'));
    const file = locateImage(args.file);
    if (flags.header) {
      const result = await backUpHeader(request, file);
      this.remark(`${file} opens the vault with the passphrases of today, even after you change them.`);
      this.log(`Copied the header of ${request.image} to ${file}.`);
      return result;
    }
    const open = this.openCopyWith(flags.open, request);
    const result = await backUp(request, file, open, this.presentation(flags));
    const size = formatSize(result.sizeBytes);
    this.log(`Copied ${request.image} to ${file}, ${size}. ${this.describeVerified(result.verified)}`);
    return result;
  }
}
