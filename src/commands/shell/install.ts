import {printable} from '../../foundation/printable.ts';
import {shellArgs, ShellCommand} from '../../cli/shell-command.ts';
import {installShell, type ShellInstallResult} from '../../shell/install.ts';
import {whichShells} from '../../shell/which-shell.ts';
import {usersShell} from '../../vault/users-shell.ts';

export default class Install extends ShellCommand<ShellInstallResult[]> {
  static override args = shellArgs;
  static override description = [
    "Adds one marked block to the shell's startup file. The block reads a file that TazPod writes now, so no " +
      'TazPod process runs when a shell starts.',
    'Run it again after you install plugins with latches, to update that file.',
  ].join('\n\n');
  static override examples = ['<%= config.bin %> <%= command.id %>', '<%= config.bin %> <%= command.id %> zsh'];
  static override summary = 'Integrate TazPod into a shell';

  async run(): Promise<ShellInstallResult[]> {
    const {args} = await this.parse(Install);
    const {latches, values} = await this.configuration();
    const results: ShellInstallResult[] = [];
    for (const shell of whichShells(args.shell, values.shells, usersShell())) {
      const result = await installShell(shell, this.config, latches);
      results.push(result);
      this.warnOfBackup(result);
      for (const {command, file, line} of result.aliases ?? []) {
        this.remark(
          `${printable(file, 4096)}:${line} has an alias for ${command}, which takes precedence: ` +
            `${command} runs outside the vault too. Make it a function or remove it.`,
        );
      }
      this.log(
        result.changed
          ? `${result.file} now reads ${result.snippet}. New shells use it.`
          : `${result.file} is unchanged; ${result.snippet} is up to date.`,
      );
    }
    return results;
  }
}
