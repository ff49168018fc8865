import {BaseCommand} from '../../cli/base-command.ts';
import {createVault, type CreateResult} from '../../vault/create.ts';
import {onlyOutside} from '../../vault/failures.ts';
import {vaultCommand} from '../../vault/given-image.ts';
import {locateImage} from '../../vault/location.ts';
import {formatSize} from '../../vault/size.ts';
import {createFlags, imageFlags, keyFlags, openFlags} from '../../cli/vault-flags.ts';
import {vaultRequest} from '../../cli/vault-request.ts';

export default class Create extends BaseCommand<CreateResult> {
  static override description = [
    'Creates one LUKS2 image with an ext4 file system in it. Plain cryptsetup can open it too.',
    'TazPod allocates all of the space, asks for the passphrase twice, and never overwrites a file. The ' +
      'image gets its name only when it is complete.',
  ].join('\n\n');
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --size 2G --image ~/team.img',
    '<%= config.bin %> <%= command.id %> --passphrase-file FILE --json',
  ];
  static override flags = {
    ...imageFlags,
    ...keyFlags,
    engine: openFlags.engine,
    isolation: openFlags.isolation,
    ...createFlags,
  };
  static override summary = 'Create an empty vault';

  async run(): Promise<CreateResult> {
    const {flags} = await this.parse(Create);
    if ((await this.inside({})) !== undefined) throw onlyOutside('A vault cannot be created inside a ghost.');
    // A new vault is made here, where the default one would be opened.
    const image = flags.image ?? (await this.configuration()).values.image ?? locateImage(undefined);
    const named = {...flags, image};
    const settings = await this.configured(named, 'mount-point', 'engine', 'isolation', 'size');
    const created = await createVault(vaultRequest(settings), settings, this.presentation(flags));
    if (typeof created === 'number') this.exit(created);
    this.log(
      `Created ${created.image}, ${formatSize(created.sizeBytes)}. Open it with: ${vaultCommand('unlock', flags.image)}`,
    );
    return created;
  }
}
