import {Flags} from '@oclif/core';
import {BaseCommand} from './base-command.ts';
import {userDataFolder} from '../config/own-home.ts';
import {lockDataFolder} from '../extensions/data-folder.ts';
import {type Shop, shopOf} from '../extensions/install.ts';

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
    const {'plugins.registry': registry} = await this.configured({}, 'plugins.registry');
    this.#unlock = lockDataFolder(userDataFolder());
    return shopOf(this.config, registry, {
      agreed,
      agree: this.canAsk() ? (question) => this.agrees(question) : undefined,
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
