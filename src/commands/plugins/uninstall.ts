import {Args} from '@oclif/core';
import {type PluginChange, uninstallPlugin} from '../../extensions/install.ts';
import {PluginsCommand} from '../../cli/plugins-command.ts';

export default class PluginsUninstall extends PluginsCommand<PluginChange[]> {
  static override aliases = ['plugins:unlink', 'plugins:remove'];
  static override args = {
    plugin: Args.string({description: 'short name, package, or linked directory', required: true}),
  };
  static override examples = ['<%= config.bin %> <%= command.id %> infisical'];
  static override strict = false;
  static override summary = 'Remove plugins';

  async run(): Promise<PluginChange[]> {
    const {argv} = await this.parse(PluginsUninstall);
    const shop = await this.shop();
    const changes: PluginChange[] = [];
    for (const name of argv as string[]) {
      const change = await uninstallPlugin(shop, name, process.cwd());
      changes.push(change);
      this.log(`${change.type === 'link' ? 'Unlinked' : 'Uninstalled'} ${change.name}.`);
    }
    return changes;
  }
}
