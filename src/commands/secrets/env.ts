import {Flags} from '@oclif/core';
import {isatty} from 'node:tty';
import {describeAge} from '../../foundation/age.ts';
import {SecretsCommand} from '../../cli/secrets-command.ts';
import {exportShells, loadCommand, printExports} from '../../secrets/session/exports.ts';
import {userEnvironment} from '../../secrets/environment/user-environment.ts';
import {lastChecked} from '../../secrets/installed/checked.ts';
import {readRecord} from '../../secrets/installed/generations.ts';
import {linkEnvironment} from '../../secrets/installed/links.ts';
import {rememberVault} from '../../secrets/vault-directory/known-vault.ts';

/** The `result` of `env --json`: names only. */
export type EnvResult = {readonly variables: readonly string[]};

export default class Env extends SecretsCommand<EnvResult> {
  static override aliases = ['env'];
  static override description = [
    'Prints the pulled variables as exports, for a shell in the ghost to evaluate.',
    'On a terminal it prints only the names of the variables. A shell that unlock, pull or exec started has ' +
      'the variables already; use this in a shell that was started before the pull.',
  ].join('\n\n');
  static override examples = [
    'eval "$(<%= config.bin %> <%= command.id %>)"',
    '<%= config.bin %> <%= command.id %> --shell fish | source',
  ];
  static override flags = {
    shell: Flags.option({
      options: exportShells,
      default: 'sh' as const,
      description: 'the syntax; sh works for bash and zsh too',
    })(),
    trust: Flags.boolean({
      description: 'use the secrets of this vault even if another account pulled them',
    }),
  };
  static override summary = 'Print the pulled variables for a shell to evaluate';

  async run(): Promise<EnvResult> {
    const {flags} = await this.parse(Env);
    const {mountPoint} = this.needVault('Pulled secrets are available only inside the ghost.');
    if (flags.trust) {
      this.needWritableVault('tazpod env --trust');
      rememberVault(mountPoint, userEnvironment());
      linkEnvironment(mountPoint);
    }
    if (!isatty(1) && !this.jsonEnabled()) return {variables: await printExports(mountPoint, flags.shell)};
    const variables = (readRecord(mountPoint)?.variables ?? []).map(({name}) => name);
    const checked = lastChecked(mountPoint);
    const use = loadCommand(flags.shell);
    this.log(
      checked === undefined
        ? 'Nothing has been pulled into this vault yet. Next: tazpod pull'
        : `Pulled ${describeAge(checked)}: ${variables.join(' ') || 'no variable'}\nTo set them in this shell: ${use}`,
    );
    return {variables};
  }
}
