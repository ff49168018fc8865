import {BaseCommand} from './base-command.ts';
import {loadConfig, surroundingsHere} from './config/config.ts';
import {findContributions} from './extensions/contributions.ts';
import {lockDataFolder} from './extensions/data-folder.ts';
import {type Shop, shopOf} from './extensions/install.ts';
import {defaultsFiles} from './extensions/packs.ts';

/** What the commands that change the installed plugins share. */
export abstract class PluginsCommand<T> extends BaseCommand<T> {
  #unlock = (): void => {};

  /** Where plugins are installed, and from where, as the configuration has it. Nobody else changes them meanwhile. */
  protected async shop(): Promise<Shop> {
    const packs = defaultsFiles(await findContributions(this.config));
    const {values} = await loadConfig(surroundingsHere(packs), (text) => this.remark(text));
    this.#unlock = lockDataFolder(this.config.dataDir);
    return shopOf(this.config, values['plugins.registry'], {
      progress: (text) => {
        if (!this.jsonEnabled()) process.stderr.write(`${text}\n`);
      },
      remark: (text) => this.remark(text),
    });
  }

  protected override async finally(error: Error | undefined): Promise<void> {
    this.#unlock();
    await super.finally(error);
  }
}
