import {Args} from '@oclif/core';
import {notUpdated} from '../../extensions/failures.ts';
import {type PluginChange, updatePlugins} from '../../extensions/install.ts';
import {PluginsCommand, yesFlag} from '../../cli/plugins-command.ts';

export default class PluginsUpdate extends PluginsCommand<PluginChange[]> {
  static override args = {
    plugin: Args.string({description: 'short name or package [default: all]'}),
  };
  static override description =
    'Updates each plugin to the newest version of the range or tag that you installed. TazPod checks it as ' +
    '"plugins install" does; if it refuses the new version, the old one stays.';
  static override examples = ['<%= config.bin %> <%= command.id %>', '<%= config.bin %> <%= command.id %> infisical'];
  static override flags = {...yesFlag};
  static override strict = false;
  static override summary = 'Update plugins';

  async run(): Promise<PluginChange[]> {
    const {argv, flags} = await this.parse(PluginsUpdate);
    const {changes, failures} = await updatePlugins(await this.shop(flags.yes), argv as string[]);
    for (const {name, version, before} of changes) {
      this.log(before === version ? `${name} ${version} is up to date.` : `${name} ${before ?? ''} → ${version}`);
    }
    const [first] = failures;
    if (first !== undefined && failures.length + changes.length === 1) throw first.failure;
    if (first !== undefined) throw notUpdated(failures, changes.length);
    if (changes.length === 0) this.log('No plugin is installed.');
    return [...changes];
  }
}
