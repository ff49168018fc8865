import {shellArgs, ShellCommand} from '../../cli/shell-command.ts';
import {type ShellInstallResult, uninstallShell} from '../../shell/install.ts';
import {whichShells} from '../../shell/which-shell.ts';
import {usersShell} from '../../vault/users-shell.ts';

export default class Uninstall extends ShellCommand<ShellInstallResult[]> {
  static override args = shellArgs;
  static override description =
    'Removes the block from the startup file, and restores the earlier content byte for byte.';
  static override examples = ['<%= config.bin %> <%= command.id %>', '<%= config.bin %> <%= command.id %> zsh'];
  static override summary = 'Remove TazPod from a shell';

  async run(): Promise<ShellInstallResult[]> {
    const {args} = await this.parse(Uninstall);
    const {values} = await this.configuration();
    const results: ShellInstallResult[] = [];
    for (const shell of whichShells(args.shell, values.shells, usersShell())) {
      const result = await uninstallShell(shell, this.config);
      results.push(result);
      this.warnOfBackup(result);
      this.log(
        result.changed
          ? `Restored the earlier content of ${result.file}.`
          : `${result.file} contains nothing from TazPod.`,
      );
    }
    return results;
  }
}
