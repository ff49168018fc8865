import {Flags} from '@oclif/core';
import {BaseCommand} from './base-command.ts';
import {loadConfig, requireSettings, surroundingsHere} from '../config/config.ts';
import {userDataFolder} from '../config/own-home.ts';
import {findContributions} from '../extensions/contributions.ts';
import {lockDataFolder} from '../extensions/data-folder.ts';
import {type Shop, shopOf} from '../extensions/install.ts';
import {defaultsFiles} from '../extensions/packs.ts';
import {confirm} from './prompt/ask.ts';

/** For what may switch off other plugins. */
export const yesFlag = {
  yes: Flags.boolean({
    char: 'y',
    description: 'accept that the policy of an installed plugin switches off other plugins',
  }),
};

/** What the commands that change the installed plugins share. */
export abstract class PluginsCommand<T> extends BaseCommand<T> {
  #unlock = (): void => {};

  /** Where plugins are installed, and from where, as the configuration has it. Nobody else changes them meanwhile. */
  protected async shop(agreed = false): Promise<Shop> {
    const packs = defaultsFiles(await findContributions(this.config));
    const configuration = await loadConfig(surroundingsHere(packs), (text) => this.remark(text));
    requireSettings(configuration, 'plugins.registry');
    const {values} = configuration;
    this.#unlock = lockDataFolder(userDataFolder());
    const canAsk = process.stdin.isTTY && process.stderr.isTTY && !this.jsonEnabled();
    return shopOf(this.config, values['plugins.registry'], {
      agreed,
      agree: canAsk ? (question) => confirm(question, 'no') : undefined,
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
