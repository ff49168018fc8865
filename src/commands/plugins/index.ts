import {Flags} from '@oclif/core';
import {BaseCommand} from '../../cli/base-command.ts';
import {findContributions} from '../../extensions/contributions.ts';
import {overview, type PluginOverview, renderOverview} from '../../extensions/overview.ts';

export default class Plugins extends BaseCommand<PluginOverview[]> {
  static override description = [
    'Lists secret backends, shells, cleanup strategies, bridges, latches, defaults and commands, as the ' +
      'package.json of each plugin declares them.',
    'None of their code runs for this. It also reports invalid plugins, and those that plugins.allow of ' +
      'config.yaml does not allow.',
  ].join('\n\n');
  static override examples = ['<%= config.bin %> <%= command.id %>', '<%= config.bin %> <%= command.id %> --json'];
  static override flags = {
    core: Flags.boolean({description: 'include the core plugins of TazPod'}),
  };
  static override summary = 'List the installed plugins and what they provide';

  async run(): Promise<PluginOverview[]> {
    const {flags} = await this.parse(Plugins);
    const found = await findContributions(this.config);
    for (const problem of found.problems) this.remark(problem);
    const plugins = overview(this.config, found).filter(({type}) => flags.core || type !== 'core');
    for (const plugin of plugins) this.log(renderOverview(plugin));
    if (plugins.length === 0) this.log('No plugin is installed. Next: tazpod plugins install NAME');
    return plugins;
  }
}
