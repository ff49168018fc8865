import {Flags} from '@oclif/core';
import {isatty} from 'node:tty';
import {SecretsCommand} from '../../secrets-command.ts';
import {describeAge} from '../../secrets/age.ts';
import {exportShells, loadCommand, printExports} from '../../secrets/session/exports.ts';
import {userEnvironment} from '../../secrets/session/environment.ts';
import {Generations} from '../../secrets/pull/generations.ts';
import {rememberVault} from '../../secrets/own-vault.ts';

/** The `result` of `env --json`: names only. */
export type EnvResult = {readonly variables: readonly string[]};

export default class Env extends SecretsCommand<EnvResult> {
  static override aliases = ['env'];
  static override description = [
    'Prints the pulled variables as exports, for a shell in the ghost to evaluate.',
    'On a terminal it says how, and names the variables; values are not shown there. A shell that unlock, pull or exec ' +
      'has started has them already; this is for one that was there before a pull.',
  ].join('\n\n');
  static override examples = [
    'eval "$(<%= config.bin %> <%= command.id %>)"',
    '<%= config.bin %> <%= command.id %> --shell fish | source',
  ];
  static override flags = {
    shell: Flags.option({
      options: exportShells,
      default: 'sh' as const,
      description: 'the language: sh is for bash and zsh too',
    })(),
    trust: Flags.boolean({
      description: 'what is in this vault was pulled by you, or by somebody you know: use it here',
    }),
  };
  static override summary = 'Print the variables for a shell to evaluate.';

  async run(): Promise<EnvResult> {
    const {flags} = await this.parse(Env);
    const {mountPoint} = this.needVault('Secrets do not leave the ghost.');
    const generations = new Generations(mountPoint);
    if (flags.trust) {
      this.needWritableVault('tazpod env --trust');
      rememberVault(mountPoint, userEnvironment());
      generations.linkEnvironment();
    }
    if (!isatty(1) && !this.jsonEnabled()) return {variables: await printExports(mountPoint, flags.shell)};
    const variables = (generations.record()?.variables ?? []).map(({name}) => name);
    const checked = generations.lastChecked();
    const use = loadCommand(flags.shell);
    this.log(
      checked === undefined
        ? 'Nothing was pulled into this vault yet. Next: tazpod pull'
        : `Pulled ${describeAge(checked)}: ${variables.join(' ') || 'no variable'}\nTo have them in this shell: ${use}`,
    );
    return {variables};
  }
}
