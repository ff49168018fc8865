import {BaseCommand} from '../../cli/base-command.ts';
import {describeCheck} from '../../cli/report/vault-check.ts';
import {imageFlags, keyFlags, openFlags} from '../../cli/vault-flags.ts';
import {vaultRequest} from '../../cli/vault-request.ts';
import {exitCode} from '../../foundation/exit-code.ts';
import {checkVault, type VaultCheck} from '../../vault/check.ts';
import {onlyOutside} from '../../vault/failures.ts';
import {defaultMountPoint} from '../../vault/location.ts';

export default class Check extends BaseCommand<VaultCheck> {
  static override description = [
    'Checks a vault for everything that could cost you its contents, and changes nothing.',
    'Looks at both copies of the header, the key slots, the owner and permissions of the image, the place where it is, ' +
      'the space on its disk, the age of the last backup, and leftovers; each finding has the command that fixes it. ' +
      'It needs no root and may run while the vault is open. With a key it also opens a locked vault once, read-only, ' +
      'which checks the file system.',
    'Exits with 65 if something keeps the vault from opening or puts its data in danger, and with 0 if there are ' +
      'warnings only.',
  ].join('\n\n');
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --passphrase-file FILE --json',
  ];
  static override flags = {...imageFlags, ...keyFlags, ...openFlags};
  static override summary = 'Check the health of a vault';

  async run(): Promise<VaultCheck> {
    const {flags} = await this.parse(Check);
    if ((await this.inside({})) !== undefined) throw onlyOutside('A vault cannot be checked from inside a ghost.');
    const request = vaultRequest(await this.configured(flags, 'image', 'mount-point', 'engine', 'isolation'));
    const mountPoint = request.mountPoint ?? defaultMountPoint();
    const withKey = request.key.from !== 'terminal';
    const result = await checkVault({...request, mountPoint}, withKey, this.presentation(flags, true));
    this.log(describeCheck(result));
    if (result.findings.some(({severity}) => severity === 'error')) process.exitCode = exitCode.data;
    return result;
  }
}
