import {BaseCommand} from '../../cli/base-command.ts';
import {shellArgs} from '../../cli/shell-command.ts';
import {renderShell} from '../../shell/snippet.ts';
import {whichShells} from '../../shell/which-shell.ts';
import {usersShell} from '../../vault/users-shell.ts';

/** The `result` of `shell init --json`. */
export type ShellInitResult = {
  readonly shell: string;
  /** The plugin that brings the shell. */
  readonly plugin: string;
  readonly snippet: string;
};

export default class Init extends BaseCommand<ShellInitResult> {
  static override args = shellArgs;
  static override description = [
    'Prints the code that integrates TazPod into a shell: the function tazpod, the latches, the prompt mark ' +
      'and completion.',
    '"shell install" does the same for every new shell, and starts no process when a shell starts.',
  ].join('\n\n');
  static override examples = ['eval "$(<%= config.bin %> <%= command.id %> bash)"'];
  static override summary = 'Print the integration code for a shell';

  async run(): Promise<ShellInitResult> {
    const {args} = await this.parse(Init);
    const {latches, values} = await this.configuration();
    const [shell] = whichShells(args.shell, values.shells, usersShell());
    const {plugin, snippet} = await renderShell(shell!, this.config, latches);
    this.log(snippet);
    return {shell: shell!, plugin: plugin.name, snippet};
  }
}
