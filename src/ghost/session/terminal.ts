import {run} from '../../kernel/program.ts';
import type {Caller} from '../caller.ts';
import {noOwnTerminal} from '../failures.ts';

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

async function mount(args: readonly string[]): Promise<void> {
  const result = await run('mount', args);
  if (result.code === 0) return;
  throw noOwnTerminal(result.stderr);
}
