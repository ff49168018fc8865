import {Args} from '@oclif/core';
import {BaseCommand} from '../../base-command.ts';
import {type ShellInstallResult, uninstallShell} from '../../shell/install.ts';
import {whichShells} from '../../shell/which-shell.ts';
import {usersShell} from '../../vault/open-vault.ts';

export default class Uninstall extends BaseCommand<ShellInstallResult[]> {
  static override args = {
    shell: Args.string({
      description: 'the shell: bash, zsh, fish, or what a plugin brings [default: your login shell]',
    }),
  };
  static override description =
    'Takes the block out of the start-up file, which is then byte for byte as it was before.';
  static override examples = ['<%= config.bin %> <%= command.id %>', '<%= config.bin %> <%= command.id %> zsh'];
  static override summary = 'Take TazPod out of a shell again.';

  async run(): Promise<ShellInstallResult[]> {
    const {args} = await this.parse(Uninstall);
    const {values} = await this.configuration();
    const results: ShellInstallResult[] = [];
    for (const shell of whichShells(args.shell, values.shells, usersShell())) {
      const result = await uninstallShell(shell, this.config);
      results.push(result);
      if (result.backup !== undefined) this.remark(`${result.file}: ${result.odd!}. A copy is ${result.backup}.`);
      this.log(result.changed ? `${result.file} is as it was before.` : `${result.file} had nothing of TazPod's.`);
    }
    return results;
  }
}
