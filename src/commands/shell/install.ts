import {Args} from '@oclif/core';
import {BaseCommand} from '../../base-command.ts';
import {printable} from '../../config/printable.ts';
import {installShell, type ShellInstallResult} from '../../shell/install.ts';
import {whichShells} from '../../shell/which-shell.ts';
import {usersShell} from '../../vault/open-vault.ts';

export default class Install extends BaseCommand<ShellInstallResult[]> {
  static override args = {
    shell: Args.string({
      description: 'the shell: bash, zsh, fish, or what a plugin brings [default: your login shell]',
    }),
  };
  static override description = [
    'Puts one marked block into the start-up file of a shell. It reads a file that is written now, so that no process ' +
      'of TazPod runs when a shell starts.',
    'Type it again after you have installed plugins that bring latches: the file is made anew.',
  ].join('\n\n');
  static override examples = ['<%= config.bin %> <%= command.id %>', '<%= config.bin %> <%= command.id %> zsh'];
  static override summary = 'Make a shell comfortable with the vault.';

  async run(): Promise<ShellInstallResult[]> {
    const {args} = await this.parse(Install);
    const {latches, values} = await this.configuration();
    const results: ShellInstallResult[] = [];
    for (const shell of whichShells(args.shell, values.shells, usersShell())) {
      const result = await installShell(shell, this.config, latches);
      results.push(result);
      if (result.backup !== undefined) this.remark(`${result.file}: ${result.odd!}. A copy is ${result.backup}.`);
      for (const {command, file, line} of result.aliases ?? []) {
        this.remark(
          `${printable(file, 4096)}:${line} has an alias for ${command}, which the shell prefers: ` +
            `${command} then runs outside the vault too. Make it a function or remove it.`,
        );
      }
      this.log(
        result.changed
          ? `${result.file} reads ${result.snippet} from now on. Shells that are started now have it.`
          : `${result.file} is as it was; ${result.snippet} is up to date.`,
      );
    }
    return results;
  }
}
