import {Flags} from '@oclif/core';
import {printable} from '../../foundation/printable.ts';
import {describePull} from '../../cli/report/pull-result.ts';
import {mappingFlags, SecretsCommand, storeFlags, vaultFlags} from '../../cli/secrets-command.ts';
import {findClearCopies, removeClearCopies} from '../../secrets/pull/clear-copies.ts';
import {openTrusted} from '../../secrets/consent/open-trusted.ts';
import {pull, type PullResult} from '../../secrets/pull/pull.ts';
import {userEnvironment} from '../../secrets/environment/user-environment.ts';
import {loadCommand} from '../../secrets/session/exports.ts';
import {thenWithVariables} from '../../secrets/environment/session-words.ts';
import {sessionShell, usersShell} from '../../vault/users-shell.ts';

export default class Pull extends SecretsCommand<PullResult> {
  static override aliases = ['pull', 'sync'];
  static override description = [
    'Pulls the secrets of secrets.yml into the vault, and starts a shell in the vault if it was locked.',
    'TazPod fetches everything first and then switches over at once: even after a crash, the vault has the ' +
      'old set or the new one. It removes secrets that secrets.yml no longer lists, and never overwrites your ' +
      'own files.',
  ].join('\n\n');
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --profile prod --no-shell',
    '<%= config.bin %> <%= command.id %> --offline-ok --json',
  ];
  static override flags = {
    ...storeFlags,
    ...mappingFlags,
    shell: Flags.boolean({
      allowNo: true,
      default: true,
      description: 'start a shell in the vault after the pull, if the vault was locked',
    }),
    'offline-ok': Flags.boolean({description: 'use the last pulled values if a backend is unreachable'}),
    'remove-sources': Flags.boolean({
      description: 'remove .env files of the project without asking, once all of their secrets are in the vault',
    }),
    overwrite: Flags.boolean({description: 'overwrite pulled files that you edited'}),
    replace: Flags.boolean({description: 'remove the secrets that the secrets.yml of another project pulled'}),
    ...vaultFlags,
  };
  static override summary = 'Pull secrets from the backends into the vault';

  async run(): Promise<PullResult> {
    const {flags} = await this.parse(Pull);
    // Faults of the file are reported before any question for a passphrase.
    if ((await this.inside(flags)) === undefined) {
      await this.mapping(flags);
      const stays = flags.shell && !this.jsonEnabled();
      return this.enter(flags, (command) => (stays ? thenWithVariables(command, [sessionShell()]) : command), true);
    }
    const request = await this.request(flags, this.needWritableVault('A pull'));
    const backends = await openTrusted(request);
    const progress = this.progress();
    const {'offline-ok': offlineOk, overwrite, replace} = flags;
    const result = await pull({...request, progress, offlineOk, overwrite, replace}, backends);
    for (const path of result.kept) this.remark(`${path} was edited here and is kept; --overwrite replaces it.`);
    if (result.absent.length > 0) this.remark(`Optional, and not in the backend: ${result.absent.join(', ')}.`);
    for (const {backend, secret, why} of result.leftOut)
      this.remark(`Skipped ${printable(secret)} of ${backend}: ${why}`);
    this.log(describePull(result));
    if (result.state === 'changed' && result.variables > 0 && this.#shellHasOldVariables()) {
      this.log(`To set them in this shell: ${loadCommand(usersShell().endsWith('/fish') ? 'fish' : 'sh')}`);
    }
    if (result.state !== 'offline') {
      const find = () => findClearCopies(request, backends, result.leftOut);
      await this.#offerRemoval(find, flags['remove-sources']);
    }
    return result;
  }

  /** The shell integration loads them by itself, and a shell that starts behind this command has them. */
  #shellHasOldVariables(): boolean {
    return !this.entered && process.stdout.isTTY && userEnvironment()['TAZPOD_SHELL_PID'] !== String(process.ppid);
  }

  /** What was a file in the clear is in the vault now. It is removed when the user says so, and never else. */
  async #offerRemoval(find: () => Promise<readonly string[]>, agreed: boolean): Promise<void> {
    const copies = await find();
    if (copies.length === 0) return;
    const list = copies.map((path) => JSON.stringify(path)).join(', ');
    if (agreed || (await this.agrees(`Every secret in ${list} is in the vault now. Remove the file?`))) {
      // Somebody may have changed one while the question stood.
      const unchanged = new Set(await find());
      const removed = copies.filter((path) => unchanged.has(path));
      removeClearCopies(removed);
      if (removed.length < copies.length) this.remark('A file changed in the meantime and was not removed.');
      if (removed.length === 0) return;
      this.remark(
        `Removed ${removed.map((path) => JSON.stringify(path)).join(', ')}. Copies may remain in backups and in the git history: rotate important secrets.`,
      );
    } else {
      this.remark(`${list} still contains secrets of the vault in plain text. Next: tazpod pull --remove-sources`);
    }
  }
}
