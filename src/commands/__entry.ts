import {loadHelpClass} from '@oclif/core';
import {BaseCommand} from '../cli/base-command.ts';
import {vaultHere} from '../vault/inside.ts';
import {locateImage} from '../vault/location.ts';
import {readVaultState} from '../vault/state.ts';
import {nameShells} from '../vault/welcome.ts';

/** `tazpod` alone: the obvious next thing. */
export default class Entry extends BaseCommand<void> {
  static override enableJsonFlag = false;
  static override hidden = true;
  static override summary = 'Create, open or join the vault, or show its state inside.';

  async run(): Promise<void> {
    await this.parse(Entry);
    if (vaultHere() !== undefined) return this.config.runCommand('vault:status', []);
    if (!process.stdin.isTTY || !process.stdout.isTTY) return this.#help();
    // A configuration that is wrong is for the next command to report.
    const {session} = await this.configured({}, 'image').then(({image}) => readVaultState(locateImage(image)));
    if (session !== undefined) {
      this.log(`The vault is already open in ${nameShells(session.shells)}. Enter its passphrase to join.`);
    }
    await this.config.runCommand('vault:unlock', []);
  }

  async #help(): Promise<void> {
    const Help = await loadHelpClass(this.config);
    await new Help(this.config).showHelp([]);
  }
}
