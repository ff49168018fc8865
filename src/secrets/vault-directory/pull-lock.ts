import {closeSync, constants, openSync} from 'node:fs';
import {join} from 'node:path';
import {setTimeout as sleep} from 'node:timers/promises';
import {tryLockExclusive} from '../../kernel/file-lock.ts';
import {pullRunning} from '../failures.ts';
import {makeOwnFolder} from './own-files.ts';

const pollMs = 150;

/**
 * Does something while no other pull of this vault does. The lock is an flock(2): it ends with this process, by any
 * end. Throws a Failure (75) when it is not free in time; `wait` is called once if it is not free at once.
 */
export async function whileLocked<T>(
  mountPoint: string,
  withinMs: number,
  wait: () => void,
  action: () => Promise<T>,
): Promise<T> {
  makeOwnFolder(join(mountPoint, '.tazpod'));
  const {O_CREAT, O_NOFOLLOW, O_RDWR} = constants;
  const fd = openSync(join(mountPoint, '.tazpod/pull.lock'), O_RDWR | O_CREAT | O_NOFOLLOW, 0o600);
  try {
    for (const start = Date.now(); !(await tryLockExclusive(fd)); await sleep(pollMs)) {
      const waited = Date.now() - start;
      if (waited === 0 || waited < pollMs) wait();
      if (waited < withinMs) continue;
      throw pullRunning(withinMs);
    }
    return await action();
  } finally {
    closeSync(fd);
  }
}
