import {Args} from '@oclif/core';
import type {ShellInstallResult} from '../shell/install.ts';
import {BaseCommand} from './base-command.ts';

/** Which shell is meant. */
export const shellArgs = {
  shell: Args.string({
    description: 'the shell: bash, zsh, fish, or one from a plugin [default: your login shell]',
  }),
};

/** What the commands share that change the startup file of a shell. */
export abstract class ShellCommand<T> extends BaseCommand<T> {
  /** Warns of a startup file that was not as TazPod had left it, and of which there is a copy now. */
  protected warnOfBackup({file, odd, backup}: ShellInstallResult): void {
    if (backup !== undefined) this.remark(`${file}: ${odd!}. TazPod saved a copy as ${backup}.`);
  }
}
