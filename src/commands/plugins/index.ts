import {Flags} from '@oclif/core';
import {BaseCommand} from '../../base-command.ts';
import {findContributions} from '../../extensions/contributions.ts';
import {overview, type PluginOverview, renderOverview} from '../../extensions/overview.ts';

export default class Plugins extends BaseCommand<PluginOverview[]> {
  static override description = [
    'Secret backends, shells, cleanup strategies, bridges, latches, defaults and commands, as each plugin names them ' +
      'in its package.json.',
    'None of their code runs for it. What is wrong with one is told, and so is what plugins.allow of config.yaml ' +
      'does not let in.',
  ].join('\n\n');
  static override examples = ['<%= config.bin %> <%= command.id %>', '<%= config.bin %> <%= command.id %> --json'];
  static override flags = {
    core: Flags.boolean({description: 'show what TazPod itself is made of, too'}),
  };
  static override summary = 'Show the plugins that are installed, and what they bring.';

  async run(): Promise<PluginOverview[]> {
    const {flags} = await this.parse(Plugins);
    const found = await findContributions(this.config);
    for (const problem of found.problems) this.remark(problem);
    const plugins = overview(this.config, found).filter(({type}) => flags.core || type !== 'core');
    for (const plugin of plugins) this.log(renderOverview(plugin));
    if (plugins.length === 0) this.log('No plugin is installed. Next: tazpod plugins:install NAME');
    return plugins;
  }
}
