import {closeSync, constants, fstatSync, openSync} from 'node:fs';
import {setTimeout as sleep} from 'node:timers/promises';
import {tryLockExclusive} from '../kernel/file-lock.ts';
import {displaced} from '../lifecycle/failures.ts';
import {imageBusy, imageInUse, imageUnreadable, mustBeLocked, noVaultAt} from './failures.ts';
import {displacedVaultOf, vaultOf} from './running-vaults.ts';
import {readVaultState} from './state.ts';

/** A `status` holds the lock for a moment. */
const patience = {tries: 20, pollMs: 50};

/**
 * Runs `work` with an image that is open for reading, while this process holds its lock: meanwhile nobody opens the
 * vault. `what` is what cannot be done to a vault that is open, for the message.
 *
 * Throws a Failure: 66 where there is none, 75 if a ghost, or another program, has it.
 */
export async function holdImage<T>(image: string, what: string, work: (imageFd: number) => Promise<T>): Promise<T> {
  if (displacedVaultOf(image) !== undefined) throw displaced();
  const fd = openImage(image);
  try {
    await takeLock(image, fd, what);
    return await work(fd);
  } finally {
    closeSync(fd);
  }
}

/** Opens a file that should be an image, and waits for nothing: a FIFO in its place would hold everybody up. */
export function openImage(image: string): number {
  let fd: number;
  try {
    fd = openSync(image, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') throw noVaultAt(image);
    throw imageUnreadable(image, error);
  }
  if (fstatSync(fd).isFile()) return fd;
  closeSync(fd);
  throw imageUnreadable(image);
}

async function takeLock(image: string, fd: number, what: string): Promise<void> {
  // A loop device of another program's, cryptsetup's say, writes without asking for the lock.
  const {leftovers = []} = await readVaultState(image);
  if (leftovers.length > 0) throw imageInUse(leftovers);
  for (let tries = 1; !(await tryLockExclusive(fd)); tries++) {
    if (vaultOf(image) !== undefined) throw mustBeLocked(what);
    if (tries >= patience.tries) throw imageBusy();
    await sleep(patience.pollMs);
  }
}
