import {Flags} from '@oclif/core';
import {installPlugin, linkPlugin, type PluginChange, resetPlugins} from '../../extensions/install.ts';
import {PluginsCommand} from '../../cli/plugins-command.ts';

export default class PluginsReset extends PluginsCommand<PluginChange[]> {
  static override description = 'Works even if the plugin directory is damaged. The files of linked directories stay.';
  static override examples = ['<%= config.bin %> <%= command.id %> --reinstall'];
  static override flags = {
    hard: Flags.boolean({description: 'the same: nothing is ever left of them', hidden: true}),
    reinstall: Flags.boolean({description: 'install and link all of them again afterwards'}),
  };
  static override summary = 'Remove all plugins';

  async run(): Promise<PluginChange[]> {
    const {flags} = await this.parse(PluginsReset);
    const shop = await this.shop();
    const entries = resetPlugins(shop);
    for (const {name, type} of entries) this.log(`${type === 'link' ? 'Unlinked' : 'Uninstalled'} ${name}.`);
    if (entries.length === 0) this.log('No plugin was installed.');
    const changes: PluginChange[] = [];
    for (const {name, type, tag = 'latest', url, root} of flags.reinstall ? entries : []) {
      const workingFolder = process.cwd();
      const change =
        type === 'link'
          ? await linkPlugin(shop, root ?? name, workingFolder)
          : await installPlugin(shop, url ?? `${name}@${tag}`, {allowScripts: false, workingFolder});
      changes.push(change);
      this.log(`${type === 'link' ? 'Linked' : 'Installed'} ${change.name} ${change.version}.`);
    }
    return changes;
  }
}
