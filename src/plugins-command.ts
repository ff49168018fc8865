import {BaseCommand} from './base-command.ts';
import {loadConfig, surroundingsHere} from './config/config.ts';
import {findContributions} from './extensions/contributions.ts';
import {type Shop, shopOf} from './extensions/install.ts';
import {defaultsFiles} from './extensions/packs.ts';

/** What the commands that install plugins share. */
export abstract class PluginsCommand<T> extends BaseCommand<T> {
  /** Where plugins are installed, and from where, as the configuration has it. */
  protected async shop(): Promise<Shop> {
    const packs = defaultsFiles(await findContributions(this.config));
    const {values} = await loadConfig(surroundingsHere(packs), (text) => this.remark(text));
    return shopOf(this.config, values['plugins.registry'], {
      progress: (text) => {
        if (!this.jsonEnabled()) process.stderr.write(`${text}\n`);
      },
      remark: (text) => this.remark(text),
    });
  }
}
