import {Args, Flags} from '@oclif/core';
import {BaseCommand} from '../../cli/base-command.ts';
import {createPlugin, type CreatedPlugin} from '../../extensions/create.ts';
import {pluginKinds} from '../../extensions/templates/package-files.ts';

export default class PluginsCreate extends BaseCommand<CreatedPlugin> {
  static override args = {
    name: Args.string({description: 'the name: store, tazpod-store or @team/tazpod-store', required: true}),
  };
  static override description =
    'Writes a package to a new directory below this one. The package builds, its tests pass, and you can ' +
    'install it. docs/plugins.md is the guide for authors.';
  static override examples = [
    '<%= config.bin %> <%= command.id %> store --kind backend',
    '<%= config.bin %> <%= command.id %> @team/tazpod-pack --kind pack',
  ];
  static override flags = {
    kind: Flags.option({options: pluginKinds, description: 'what the plugin provides', required: true})(),
  };
  static override summary = 'Create a plugin';

  async run(): Promise<CreatedPlugin> {
    const {args, flags} = await this.parse(PluginsCreate);
    const made = createPlugin(args.name, flags.kind, {parent: process.cwd(), coreVersion: this.config.version});
    this.log(`Created ${made.name} in ${made.folder}. Its README.md describes the next steps.`);
    return made;
  }
}
