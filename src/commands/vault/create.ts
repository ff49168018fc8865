import {BaseCommand} from '../../base-command.ts';
import {createVault, type CreateResult} from '../../vault/create.ts';
import {vaultCommand} from '../../vault/given-image.ts';
import {onlyOutside} from '../../vault/inside.ts';
import {formatSize} from '../../vault/size.ts';
import {createFlags, imageFlags, keyFlags, openFlags} from '../../vault/vault-flags.ts';

export default class Create extends BaseCommand<CreateResult> {
  static override description = [
    'Makes an empty vault: one LUKS2 image with an ext4 file system in it.',
    'The space is really allocated, the passphrase is asked for twice, nothing is ever overwritten, and a ' +
      'vault that is not whole has no name. The image opens with plain cryptsetup too.',
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
  static override summary = 'Make an empty vault.';

  async run(): Promise<CreateResult> {
    const {flags} = await this.parse(Create);
    if ((await this.inside({})) !== undefined) throw onlyOutside('A vault cannot be made inside a ghost.');
    const settings = await this.configured(flags, 'image', 'mount-point', 'engine', 'isolation', 'size');
    const created = await createVault(settings, this.presentation(flags));
    if (typeof created === 'number') this.exit(created);
    this.log(
      `Made ${created.image}, ${formatSize(created.sizeBytes)}. Open it with: ${vaultCommand('unlock', flags.image)}`,
    );
    return created;
  }
}
