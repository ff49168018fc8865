import {Args, Flags} from '@oclif/core';
import {installPlugin, type PluginChange} from '../../extensions/install.ts';
import {PluginsCommand, yesFlag} from '../../cli/plugins-command.ts';

export default class PluginsInstall extends PluginsCommand<PluginChange[]> {
  static override aliases = ['plugins:add'];
  static override args = {
    plugin: Args.string({description: 'short name, package, package@version, archive or address', required: true}),
  };
  static override description = [
    'Installs plugins with npm into your own directory.',
    'TazPod looks for a name as tazpod-NAME first. Before any code of a package runs, TazPod checks that it ' +
      'is a plugin, what it provides, and whether plugins.allow of config.yaml allows it. Install scripts run ' +
      'only with --allow-scripts. The registry is that of TAZPOD_NPM_REGISTRY, of plugins.registry in ' +
      'config.yaml, or of npm.',
  ].join('\n\n');
  static override examples = [
    '<%= config.bin %> <%= command.id %> infisical',
    '<%= config.bin %> <%= command.id %> tazpod-infisical@^0.1.0',
    '<%= config.bin %> <%= command.id %> @team/tazpod-pack',
    '<%= config.bin %> <%= command.id %> ./tazpod-mine-1.0.0.tgz',
  ];
  static override flags = {
    'allow-scripts': Flags.boolean({description: 'run the install scripts of the packages'}),
    ...yesFlag,
  };
  static override strict = false;
  static override summary = 'Install plugins';

  async run(): Promise<PluginChange[]> {
    const {argv, flags} = await this.parse(PluginsInstall);
    const shop = await this.shop(flags.yes);
    const changes: PluginChange[] = [];
    for (const name of argv as string[]) {
      const options = {allowScripts: flags['allow-scripts'], workingFolder: process.cwd()};
      const change = await installPlugin(shop, name, options);
      changes.push(change);
      const before = change.before === undefined ? '' : ` (before: ${change.before})`;
      this.log(`Installed ${change.name} ${change.version}${before}.`);
    }
    return changes;
  }
}
