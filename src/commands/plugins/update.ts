import {Args} from '@oclif/core';
import {type PluginChange, updatePlugins} from '../../extensions/install.ts';
import {Failure} from '../../lifecycle/failure.ts';
import {PluginsCommand, yesFlag} from '../../plugins-command.ts';

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
    if (first !== undefined) {
      const why = failures.map(
        ({name, failure}) => `${name}: ${failure.message}${failure.why === undefined ? '' : ` ${failure.why}`}`,
      );
      throw new Failure(
        first.failure.code,
        `${failures.length} of ${failures.length + changes.length} plugins were not updated.`,
        {
          why: why.join('\n  '),
          next: 'tazpod plugins',
        },
      );
    }
    if (changes.length === 0) this.log('No plugin is installed.');
    return [...changes];
  }
}
