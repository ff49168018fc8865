import type {ChildProcess} from 'node:child_process';
import {once} from 'node:events';
import {closeSync, fchmodSync, fchownSync, fstatSync} from 'node:fs';
import {run, start} from '../../kernel/program.ts';
import {exitCode} from '../../lifecycle/exit-code.ts';
import {Failure} from '../../lifecycle/failure.ts';
import type {Caller} from '../caller.ts';

/**
 * Gives the mount namespace terminals of its own: a devpts instance that no other namespace can name, so that nobody
 * outside can open the session's terminal. Safe as root: constant arguments but for the user's id, and the targets lie
 * in /dev, which the user cannot change.
 */
export async function mountPrivateTerminals(caller: Caller): Promise<void> {
  const owner = caller.isolation === 'sealed' ? [`uid=${caller.sessionUid}`, 'gid=5'] : [];
  const options = ['newinstance', 'ptmxmode=0666', 'mode=0600', 'nosuid', 'noexec', ...owner].join(',');
  await mount(['-t', 'devpts', '-o', options, 'devpts', '/dev/pts']);
  await mount(['--bind', '/dev/pts/ptmx', '/dev/ptmx']);
}

/**
 * Gives the mount namespace a shared memory of its own: what a program of the session puts into /dev/shm is in no
 * other namespace. Safe as root, as above.
 */
export async function mountPrivateSharedMemory(): Promise<void> {
  await mount(['-t', 'tmpfs', '-o', 'mode=1777,nosuid,nodev', 'tazpod', '/dev/shm']);
}

/** The terminal that the user types at, while it is root's. */
export type GuardedTerminal = {
  /** Gives it back. */
  release(): Promise<void>;
};

/**
 * Makes the outer terminal root's for as long as the ghost lives, so that no other process of the user can open it and
 * read what is typed into the ghost or put words into it.
 *
 * The kernel ties a terminal's owner to nothing that ends with a process, so somebody has to give it back: a guard in a
 * session of its own, which waits for the end of this process, however it ends. It is root's, so nothing that the user
 * runs can kill it; if it dies all the same, another takes its place.
 *
 * Safe as root: owner and mode are changed through the descriptor, which was opened with the caller's ids and is a
 * terminal of the caller's; as long as the guard has it open, the kernel gives its number to no other terminal.
 */
export function guardTerminal(terminalFd: number): GuardedTerminal {
  const {uid, gid, mode} = fstatSync(terminalFd);
  const giveBack = `read -r _; chown ${uid}:${gid} /proc/self/fd/3; chmod ${(mode & 0o777).toString(8)} /proc/self/fd/3`;
  let released = false;
  let guard: ChildProcess;

  const post = () => {
    guard = start('sh', ['-c', `trap '' HUP INT QUIT TERM TSTP; ${giveBack}`], {
      stdio: ['pipe', 'ignore', 'ignore', terminalFd],
      detached: true,
    });
    guard.stdin!.on('error', () => {});
    guard.on('exit', () => {
      if (released) return;
      take();
      post();
    });
  };
  const take = () => {
    fchownSync(terminalFd, 0, gid);
    fchmodSync(terminalFd, 0o600);
  };
  // The guard first: a kill between the two lines leaves a terminal that is given back to its owner, who has it.
  post();
  take();

  return {
    release: async () => {
      released = true;
      guard.stdin!.end();
      if (guard.exitCode === null && guard.signalCode === null) await once(guard, 'exit');
      // Once more: a guard that was killed just now has not, and nobody takes its place any more.
      fchownSync(terminalFd, uid, gid);
      fchmodSync(terminalFd, mode & 0o777);
      closeSync(terminalFd);
    },
  };
}

async function mount(args: readonly string[]): Promise<void> {
  const result = await run('mount', args);
  if (result.code === 0) return;
  throw new Failure(exitCode.unavailable, 'The session cannot have a terminal of its own.', {
    why: result.stderr.toString('utf8').trim(),
    next: 'tazpod doctor',
  });
}
