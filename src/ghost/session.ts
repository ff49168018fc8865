import {randomUUID} from 'node:crypto';
import {once} from 'node:events';
import {chownSync, closeSync, writeFileSync} from 'node:fs';
import {constants} from 'node:os';
import {fileURLToPath} from 'node:url';
import {childrenOf, membersOfPidNamespace, type ProcessIdentity, signalProcess} from '../kernel/process.ts';
import {onlyBelow, start} from '../kernel/program.ts';
import {initLabel} from '../lifecycle/init-label.ts';
import type {OpenVault, SessionSignal} from '../lifecycle/message.ts';
import type {SessionPlan} from '../lifecycle/plan.ts';
import type {Caller} from './caller.ts';
import type {LaunchOrder} from './launch.ts';




/** The namespaces that the session enters, as descriptors of this process; they are closed once it has them. */
export type SessionNamespaces =
  | {readonly isolation: 'sealed'; readonly userFd: number}
  | {readonly isolation: 'private'; readonly userFd: number; readonly mountFd: number};

export type Session = {
  /** Lets the session begin. Before that its init waits, and ends if the ghost does. */
  begin(): void;
  /** The session's exit code, a signal as 128+N. */
  readonly ended: Promise<number>;
  /** Sends a signal to the program that the user asked for. */
  signal(signal: SessionSignal): void;
  /** SIGHUP to all of the session, and after the grace time SIGKILL, by the end of its PID namespace. */
  end(graceMs: number): Promise<void>;
};

/**
 * Prepares the session: a PID namespace with an init of ours, and in it the user's program without a privilege.
 *
 * ```
 * ghost ─ unshare ─ init (sh, PID 1) ─ [script, the relay of the session's own terminal] ─ the user's program
 * ```
 *
 * Safe as root: every argument is a constant, a number, the path of this Node or of `launch.ts`, or the label, and each
 * stands quoted. The plan's command and environment travel in a file that `launch.ts` reads after the last privilege is
 * gone, so nothing that the user chose reaches a program that has any.
 */
export function prepareSession(
  caller: Caller,
  plan: SessionPlan,
  vault: OpenVault,
  namespaces: SessionNamespaces,
): Session {
  const program = withoutPrivileges(caller, writeLaunchOrder(caller, plan, vault));
  const init = ['/bin/sh', '-c', initScript(plan.ownTerminal ? relay(program) : program), ...initLabel(vault)];
  const [entrance, ...args] = [...intoNamespaces(namespaces), ...asInit(caller, init)];
  const descriptors = namespaces.isolation === 'sealed' ? [namespaces.userFd] : [namespaces.userFd, namespaces.mountFd];
  const child = start(entrance as 'setpriv' | 'nsenter', args, {
    stdio: ['inherit', 'inherit', 'inherit', 'pipe', ...descriptors],
  });
  for (const fd of descriptors) closeSync(fd);
  const go = child.stdio[3] as NodeJS.WritableStream;
  // An init that is gone already is told by its exit code.
  go.on('error', () => {});

  const ended = once(child, 'exit').then(([code, signal]: (number | NodeJS.Signals | null)[]) =>
    typeof code === 'number' ? code : 128 + constants.signals[signal as NodeJS.Signals],
  );
  return {
    begin: () => void go.end('go\n'),
    ended,
    signal: (signal) => {
      const leader = leaderOf(child.pid!, plan.ownTerminal);
      if (leader !== undefined) signalProcess(leader, signal);
    },
    end: async (graceMs) => {
      const init = childrenOf(child.pid!)[0];
      // The namespace's init is spared: with its end the kernel ends all the others, without a grace time.
      const members = init === undefined ? [] : membersOfPidNamespace(init.pid).slice(1);
      for (const member of members) signalProcess(member, 'SIGHUP');
      const timer = setTimeout(() => {
        if (init === undefined) child.kill('SIGKILL');
        else signalProcess(init, 'SIGKILL');
      }, graceMs);
      await ended;
      clearTimeout(timer);
    },
  };
}

/** Private isolation: the session's mount namespace is one of the user's own, in which the user's ids are right. */
function intoNamespaces(namespaces: SessionNamespaces): string[] {
  return namespaces.isolation === 'sealed'
    ? []
    : ['nsenter', '--user=/proc/self/fd/4', '--mount=/proc/self/fd/5', '--preserve-credentials', '--'];
}

/**
 * Makes the init PID 1 of a namespace that dies with the ghost. The parent-death signal is asked for before the parent
 * is looked at: whatever order the kernel runs them in, no init is left without a ghost. `init` then waits for the
 * ghost's word, which closes the same gap for `unshare` and init.
 */
function asInit(caller: Caller, init: readonly string[]): string[] {
  const ownIds =
    caller.isolation === 'private'
      ? ['--user', `--map-user=${caller.sessionUid}`, `--map-group=${caller.sessionGid}`, '--keep-caps']
      : [];
  const unshare = ['unshare', ...ownIds, '--pid', '--ipc', '--mount-proc', '--fork', '--kill-child', '--', ...init];
  return ['setpriv', '--pdeathsig', 'KILL', '--', '/bin/sh', '-c', onlyBelow(process.pid), 'sh', ...unshare];
}

/**
 * The init: reaps what the session orphans (which dash does while it waits), keeps its credentials, because the kernel
 * forgets the parent-death signal of a process that changes them, and ends when the user's program does. Its end is
 * the end of every process in the namespace.
 */
function initScript(program: string): string {
  return `read -r go <&3 || exit 1; exec 3<&-; ${program}; exit $?`;
}

/** A terminal of the session's own, in the private devpts, relayed to the one outside. */
function relay(program: string): string {
  return `script --quiet --return --command ${quote(`exec ${program}`)} /dev/null`;
}

/**
 * The way down from root to the user's program: into the user namespace that root owns, and out of every capability,
 * with no way back up (`no_new_privs`, empty bounding set). That no core is dumped is inherited from the ghost.
 */
function withoutPrivileges(caller: Caller, orderPath: string): string {
  const ids = [
    `--reuid=${caller.sessionUid} --regid=${caller.sessionGid}`,
    caller.groups.length > 0 ? `--groups=${caller.groups.join(',')}` : '--clear-groups',
  ].join(' ');
  const drop = [
    'exec 4<&-; exec',
    `setpriv ${caller.isolation === 'sealed' ? ids : ''} --inh-caps=-all --ambient-caps=-all --bounding-set=-all`,
    `--no-new-privs -- ${quote(process.execPath)} ${quote(launchPath)} ${quote(orderPath)}`,
  ].join(' ');
  return caller.isolation === 'sealed'
    ? `nsenter --user=/proc/self/fd/4 -- /bin/sh -c ${quote(drop)}`
    : `/bin/sh -c ${quote(drop)}`;
}

/** The path of `launch.ts`, beside this file, with the same ending. */
const launchPath = fileURLToPath(import.meta.url).replace(/session(\.[jt]s)$/, 'launch$1');

/** The order is the session user's own file, in the shared memory that no other namespace has. */
function writeLaunchOrder(caller: Caller, plan: SessionPlan, vault: OpenVault): string {
  const order: LaunchOrder = {
    command: plan.command,
    environment: plan.environment,
    workingFolder: plan.workingFolder,
    mountPoint: vault.mountPoint,
  };
  const path = `/dev/shm/.tazpod-launch-${randomUUID()}`;
  writeFileSync(path, JSON.stringify(order), {mode: 0o600, flag: 'wx'});
  chownSync(path, caller.uid, caller.gid);
  return path;
}

/** The user's program: the init's child, or behind the relay its grandchild. */
function leaderOf(unsharePid: number, relayed: boolean): ProcessIdentity | undefined {
  const init = childrenOf(unsharePid)[0];
  const first = init && childrenOf(init.pid)[0];
  return relayed ? first && childrenOf(first.pid)[0] : first;
}

function quote(word: string): string {
  return `'${word.replaceAll("'", `'\\''`)}'`;
}
