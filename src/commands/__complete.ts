import {Command} from '@oclif/core';
import {findContributions} from '../extensions/contributions.ts';
import {pulledNames} from '../secrets/installed/find.ts';
import {readSecretsFile} from '../secrets/secrets-file.ts';
import {vaultHere} from '../vault/inside.ts';
import {completeValue, type ValueSources} from '../shell/completions.ts';
import {knownVaults} from '../vault/known-vaults.ts';
import {listOpenVaults} from '../vault/state.ts';

/**
 * `tazpod __complete -- WORDS`: a line for each value that the last word can become. The shells' completion calls it.
 * It reads names only, never a value of a secret, and says nothing where something is wrong: nobody has asked yet.
 */
export default class Complete extends Command {
  static override hidden = true;
  static override strict = false;
  static override summary = 'Print the values that the last word can become';

  async run(): Promise<void> {
    const {argv} = await this.parse(Complete);
    const values = await completeValue(argv as string[], this.config.commands, this.#sources()).catch(() => []);
    for (const value of new Set(values)) if (!/\p{C}/u.test(value)) this.log(value);
  }

  #sources(): ValueSources {
    const contributions = async () => (await findContributions(this.config)).plugins;
    return {
      images: () => listOpenVaults().map(({image}) => image),
      vaults: () => knownVaults().map(({name}) => name),
      secrets: () => {
        const here = vaultHere();
        return here === undefined ? [] : pulledNames(here.mountPoint);
      },
      plugins: async () => (await contributions()).map(({plugin}) => plugin.name),
      shells: async () => (await contributions()).flatMap(({contributions: {shells = {}}}) => Object.keys(shells)),
      backends: async () => Object.keys(readSecretsFile(undefined, process.cwd()).value.backends ?? {}),
    };
  }
}
