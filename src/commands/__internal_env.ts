import {isatty} from 'node:tty';
import {SecretsCommand} from '../cli/secrets-command.ts';
import {exportsOnTerminal} from '../secrets/failures.ts';
import {printExports} from '../secrets/session/exports.ts';

/** What the `.bashrc` of the first TazPod evaluates. */
export default class InternalEnv extends SecretsCommand<readonly string[]> {
  static override enableJsonFlag = false;
  static override hidden = true;
  static override summary = 'Print exports for a shell to evaluate';

  async run(): Promise<readonly string[]> {
    await this.parse(InternalEnv);
    if (isatty(1)) {
      throw exportsOnTerminal();
    }
    return printExports(this.needVault('Pulled secrets are available only inside the ghost.').mountPoint, 'sh');
  }
}
