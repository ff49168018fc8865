import {randomUUID} from 'node:crypto';
import {once} from 'node:events';
import {closeSync, fchownSync, openSync, writeSync} from 'node:fs';
import type {Socket} from 'node:net';
import {constants} from 'node:os';
import {createInterface} from 'node:readline';
import type {RunningVault} from '../../kernel/open-vaults.ts';
import {
  childrenOf,
  continueStopped,
  descendantsOf,
  identifyProcess,
  isAlive,
  membersOfPidNamespace,
  type ProcessIdentity,
  signalProcess,
} from '../../kernel/process.ts';
import {readProcessStat} from '../../kernel/process-record.ts';
import {start} from '../../kernel/program.ts';
import {initLabel, joinedName} from '../../lifecycle/init-label.ts';
import type {OpenVault, SessionSignal} from '../../lifecycle/message.ts';
import type {SessionPlan} from '../../lifecycle/plan.ts';
import type {Caller} from '../caller.ts';
import type {SessionGroups} from '../control-group.ts';
import type {LaunchOrder} from './launch.ts';
import {programsLeftBehind} from './left-behind.ts';
import {
  bound,
  initScript,
  joinedScript,
  joinedWord,
  leavingWord,
  relay,
  seenWord,
  stoppedWord,
  withoutPrivileges,
} from './session-script.ts';

/** How often what is stopped is continued while a session is being ended. */
const wakeMs = 200;

/** The namespaces that a session enters, as descriptors of this process; they are closed once it has them. */
export type SessionNamespaces =
  | {readonly isolation: 'sealed'; readonly userFd: number}
  | {readonly isolation: 'private'; readonly userFd: number; readonly mountFd: number};

export type Session = {
  /** Lets the session begin. Before that it waits, and ends if the ghost does. */
  begin(): void;
  /** Whether it has joined the session of another; false if that one ended before it could. */
  readonly joined: Promise<boolean>;
  /** The program's exit code, a signal as 128+N, when the whole session has ended. */
  readonly ended: Promise<number>;
  /** The same, when the program has ended and the session goes on for others that have joined it. */
  readonly lingers: Promise<number>;
  /** The programs that were still running at its end and ended with it, in a session that was not locked. */
  readonly leftBehind: readonly string[];
  /** Whether the session has a terminal of its own, which a relay connects with the one outside. */
  readonly relayed: boolean;
  /** Called when the program in the session's own terminal was stopped, until it is continued. */
  onStopped(listener: () => void): void;
  /** Stops the relay: the terminal is somebody else's, and what is typed there is not for the session. */
  pauseRelay(): void;
  /** Continues the relay, and the program in the session's own terminal. */
  resume(): void;
  /** Whether the program that the user asked for is stopped. */
  isStopped(): boolean;
  /** Sends a signal to the program that the user asked for. */
  signal(signal: SessionSignal): void;
  /** SIGHUP to all of the session, and after the grace time (at once without one) SIGKILL to its init. */
  end(graceMs: number): Promise<void>;
  /** Continues what is stopped of the session. */
  wake(): void;
  /** Whether its first process has ended, although `ended` may wait for one that is stopped. */
  isOver(): boolean;
};

/**
 * Prepares the session: a PID namespace with an init of ours, and in it the user's program without a privilege.
 *
 * ```
 * ghost ─ unshare ─ init (sh, PID 1) ─ [script, the relay of the session's own terminal ─ sh] ─ the user's program
 * ```
 *
 * Safe as root: every argument is a constant, a number, a path of this install, or the label, and each stands quoted.
 * The plan's command and environment travel in a file that `launch.ts` reads after the last privilege is gone, so
 * nothing that the user chose reaches a program that has any.
 */
export function prepareSession(
  caller: Caller,
  plan: SessionPlan,
  vault: OpenVault,
  namespaces: SessionNamespaces,
  sessionGroups: SessionGroups,
): Session {
  const order = writeLaunchOrder(caller, plan, vault, {first: true, folder: '/dev/shm'});
  const program = withoutPrivileges(caller, order, sessionGroups);
  const script = initScript(caller, plan.ownTerminal ? relay(program) : program);
  const init = ['/bin/sh', '-c', script, ...initLabel(vault)];
  const ownIds = ['--user', `--map-user=${caller.sessionUid}`, `--map-group=${caller.sessionGid}`, '--keep-caps'];
  const unshare = [...(caller.isolation === 'private' ? ownIds : []), '--pid', '--ipc', '--mount-proc'];
  const chain = bound(['unshare', ...unshare, '--fork', '--kill-child', '--', ...init]);
  return namespaces.isolation === 'sealed'
    ? startSession(chain, [namespaces.userFd], plan.ownTerminal)
    : startSession([...intoUsersOwn, ...chain], [namespaces.userFd, namespaces.mountFd], plan.ownTerminal);
}

/**
 * Prepares a further program in the namespaces of a session that is there.
 *
 * ```
 * ghost ─ nsenter ─ sh (in the session's PID namespace) ─ [script ─ sh] ─ the user's program
 * ```
 *
 * Safe as root: as above; and the namespaces are those of an init that root owns and that bears this image's number. A
 * private session is entered by its user alone, with all of its namespaces.
 */
export function prepareJoin(
  caller: Caller,
  plan: SessionPlan,
  vault: RunningVault,
  sessionGroups: SessionGroups,
): Session {
  const init = `/proc/${vault.init.pid}`;
  const order = writeLaunchOrder(caller, plan, vault, {first: false, folder: `${init}/root/dev/shm`});
  const program = withoutPrivileges(caller, order, sessionGroups);
  const script = joinedScript(plan.ownTerminal ? `setpriv --pdeathsig KILL -- ${relay(program)}` : program);
  // Again for the process behind the fork, whose parent is in another PID namespace and has no number there.
  const joined = ['setpriv', '--pdeathsig', 'KILL', '--', '/bin/sh', '-c', script, joinedName];
  const sealed = vault.isolation === 'sealed';
  const namespaces = [...(sealed ? [] : ['--user', '--preserve-credentials']), '--mount', '--pid', '--ipc'];
  const chain = bound(['nsenter', `--target=${vault.init.pid}`, ...namespaces, '--', ...joined]);
  const descriptors = sealed ? [openSync(`${init}/fd/4`, 'r')] : [];
  return startSession(chain, descriptors, plan.ownTerminal, descendantsOf);
}

/** Private isolation: the session's mount namespace is one of the user's own, in which the user's ids are right. */
const intoUsersOwn = ['nsenter', '--user=/proc/self/fd/4', '--mount=/proc/self/fd/5', '--preserve-credentials', '--'];

function startSession(
  chain: readonly string[],
  descriptors: readonly number[],
  relayed: boolean,
  membersBelow = (init: number): ProcessIdentity[] => membersOfPidNamespace(init).slice(1),
): Session {
  const [entrance, ...args] = chain;
  const child = start(entrance as 'setpriv' | 'nsenter', args, {
    stdio: ['inherit', 'inherit', 'inherit', 'pipe', ...descriptors],
  });
  for (const fd of descriptors) closeSync(fd);
  const line = child.stdio[3] as Socket;
  // The exit code shows a session that is gone already.
  line.on('error', () => {});

  const ended = once(child, 'exit').then(([code, signal]: (number | NodeJS.Signals | null)[]) =>
    typeof code === 'number' ? code : 128 + constants.signals[signal as NodeJS.Signals],
  );
  const lingers = Promise.withResolvers<number>();
  const joined = Promise.withResolvers<boolean>();
  let stopped = () => {};
  let leftBehind: readonly string[] = [];
  const see = async () => {
    const inside = childrenOf(child.pid!)[0];
    if (inside !== undefined) leftBehind = await programsLeftBehind(inside.pid).catch(() => []);
    line.write(`${seenWord}\n`);
  };
  createInterface({input: line}).on('line', (word) => {
    if (word === joinedWord) joined.resolve(true);
    else if (word === stoppedWord) stopped();
    else if (word === leavingWord) void see();
    else lingers.resolve(Number(word));
  });
  void ended.then(() => joined.resolve(false));
  const signalRelay = (signal: 'SIGSTOP' | 'SIGCONT') => {
    const relay = relayed ? firstBehind(child.pid!) : undefined;
    if (relay !== undefined) signalProcess(relay, signal);
  };
  let first: ProcessIdentity | undefined;
  const wake = () => {
    const entrance = identifyProcess(child.pid!);
    const inside = childrenOf(child.pid!)[0];
    continueStopped([
      ...(entrance === undefined ? [] : [entrance]),
      ...(inside === undefined ? [] : [inside, ...membersBelow(inside.pid)]),
    ]);
  };
  return {
    begin: () => {
      first = childrenOf(child.pid!)[0];
      line.write('go\n');
    },
    wake,
    isOver: () => first !== undefined && !isAlive(first),
    joined: joined.promise,
    ended,
    get leftBehind() {
      return leftBehind;
    },
    lingers: lingers.promise,
    relayed,
    onStopped: (listener) => {
      stopped = listener;
    },
    pauseRelay: () => signalRelay('SIGSTOP'),
    resume: () => {
      signalRelay('SIGCONT');
      line.write('go\n');
    },
    isStopped: () => {
      const leader = leaderOf(child.pid!, relayed);
      return leader !== undefined && readProcessStat(leader.pid)?.state === 'T';
    },
    signal: (signal) => {
      const leader = leaderOf(child.pid!, relayed);
      if (leader !== undefined) signalProcess(leader, signal);
    },
    end: async (graceMs) => {
      const inside = childrenOf(child.pid!)[0];
      const members = inside === undefined ? [] : membersBelow(inside.pid);
      // The first process is spared: with an init's end the kernel ends all the others, without a grace time.
      if (graceMs > 0) for (const member of members) signalProcess(member, 'SIGHUP');
      // Who is stopped acts on SIGHUP, and waits for a child that was killed, only when it goes on.
      const waking = setInterval(wake, wakeMs);
      wake();
      const timer = setTimeout(() => {
        if (inside === undefined) child.kill('SIGKILL');
        else for (const member of [inside, ...membersBelow(inside.pid)]) signalProcess(member, 'SIGKILL');
      }, graceMs);
      await ended;
      clearInterval(waking);
      clearTimeout(timer);
    },
  };
}

/**
 * The order is the session user's own file, in the shared memory that no other namespace has. Safe as root: it is made
 * exclusively and through no link, under a name that nobody can guess, and given away through its descriptor.
 */
function writeLaunchOrder(
  caller: Caller,
  plan: SessionPlan,
  vault: OpenVault,
  {first, folder}: {readonly first: boolean; readonly folder: string},
): string {
  const order: LaunchOrder = {
    command: plan.command,
    environment: plan.environment,
    workingFolder: plan.workingFolder,
    ...(plan.umask === undefined ? {} : {umask: plan.umask}),
    mountPoint: vault.mountPoint,
    readOnly: vault.readOnly === true,
    first,
  };
  const name = `.tazpod-launch-${randomUUID()}`;
  const fd = openSync(`${folder}/${name}`, 'wx', 0o600);
  writeSync(fd, JSON.stringify(order));
  fchownSync(fd, caller.uid, caller.gid);
  closeSync(fd);
  return `/dev/shm/${name}`;
}

/** The user's program: the first child behind the script, or the job of the shell behind the relay. */
function leaderOf(entrancePid: number, relayed: boolean): ProcessIdentity | undefined {
  const first = firstBehind(entrancePid);
  const shell = relayed ? first && childrenOf(first.pid)[0] : undefined;
  return relayed ? shell && childrenOf(shell.pid)[0] : first;
}

/** What the shell code of the session runs: the relay, or the user's program. */
function firstBehind(entrancePid: number): ProcessIdentity | undefined {
  const script = childrenOf(entrancePid)[0];
  return script && childrenOf(script.pid)[0];
}
