import {Args, Flags} from '@oclif/core';
import {BaseCommand} from '../../base-command.ts';
import {createPlugin, type CreatedPlugin} from '../../extensions/create.ts';
import {pluginKinds} from '../../extensions/templates/package-files.ts';

export default class PluginsCreate extends BaseCommand<CreatedPlugin> {
  static override args = {
    name: Args.string({description: 'store, tazpod-store or @team/tazpod-store', required: true}),
  };
  static override description =
    'Writes a package that builds, whose tests pass, and that can be installed, into a folder of its own here. ' +
    'docs/plugins.md is the guide for authors.';
  static override examples = [
    '<%= config.bin %> <%= command.id %> store --kind backend',
    '<%= config.bin %> <%= command.id %> @team/tazpod-pack --kind pack',
  ];
  static override flags = {
    kind: Flags.option({options: pluginKinds, description: 'what it is to contribute', required: true})(),
  };
  static override summary = 'Begin a plugin of your own.';

  async run(): Promise<CreatedPlugin> {
    const {args, flags} = await this.parse(PluginsCreate);
    const made = createPlugin(args.name, flags.kind, {parent: process.cwd(), coreVersion: this.config.version});
    this.log(`Made ${made.name} in ${made.folder}. README.md there says how to go on.`);
    return made;
  }
}
