import {existsSync} from 'node:fs';
import {resolve} from 'node:path';
import {Args} from '@oclif/core';
import {BaseCommand} from '../../cli/base-command.ts';
import {openFlags} from '../../cli/vault-flags.ts';
import {findOwnHome} from '../../config/own-home.ts';
import {addKnownVault, type KnownVault} from '../../vault/known-vaults.ts';
import {currentFolder, locateImage, requireMountPoint} from '../../vault/location.ts';

export default class Add extends BaseCommand<KnownVault> {
  static override args = {
    name: Args.string({description: 'letters, digits, ".", "_" and "-"', required: true}),
    path: Args.string({description: 'the image [default: that of the vault in this directory or a parent]'}),
  };
  static override description = [
    'Gives a vault a name, which --vault takes in any directory, and "tazpod vault list" shows.',
    'The name is kept for you alone, beside your config.yaml; the image is not changed, and need not be there now. ' +
      'With "default-vault: NAME" in your config.yaml, the vault is also meant where no directory has one: that ' +
      'is for a vault which belongs to you and not to a project.',
  ].join('\n\n');
  static override examples = [
    '<%= config.bin %> <%= command.id %> agents ~/.tazpod-vault/vault.img --mount-point ~/.agents',
    '<%= config.bin %> <%= command.id %> work',
    '<%= config.bin %> unlock --vault work',
  ];
  static override flags = {'mount-point': openFlags['mount-point']};
  static override summary = 'Give a vault a name';

  async run(): Promise<KnownVault> {
    const {args, flags} = await this.parse(Add);
    const image = locateImage(args.path ?? (await this.configuration()).values.image);
    const mountPoint = flags['mount-point'];
    const vault: KnownVault = {
      name: args.name,
      image,
      ...(mountPoint === undefined
        ? {}
        : {mountPoint: requireMountPoint(resolve(currentFolder(), mountPoint), findOwnHome().home)}),
    };
    const isNew = addKnownVault(vault);
    if (!existsSync(image)) this.remark(`There is no image at ${image} now.`);
    this.log(
      `${isNew ? 'From now on' : 'As before'}, ${args.name} is ${image}.\n  Next: tazpod unlock --vault ${args.name}`,
    );
    return vault;
  }
}
