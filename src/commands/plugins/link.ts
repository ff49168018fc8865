import {Args} from '@oclif/core';
import {linkPlugin, type PluginChange} from '../../extensions/install.ts';
import {PluginsCommand, yesFlag} from '../../cli/plugins-command.ts';

export default class PluginsLink extends PluginsCommand<PluginChange> {
  static override args = {path: Args.string({description: 'the directory of the plugin', default: '.'})};
  static override description =
    'Uses the directory of a plugin as it is, for its authors. TazPod does not build or install anything in ' +
    'it. plugins.allow of config.yaml applies to it too.';
  static override examples = ['<%= config.bin %> <%= command.id %> ./tazpod-mine'];
  static override flags = {...yesFlag};
  static override summary = 'Use a directory as a plugin';

  async run(): Promise<PluginChange> {
    const {args, flags} = await this.parse(PluginsLink);
    const change = await linkPlugin(await this.shop(flags.yes), args.path, process.cwd());
    this.log(`Linked ${change.name} ${change.version}.`);
    return change;
  }
}
