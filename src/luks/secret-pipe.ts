import {randomBytes} from 'node:crypto';
import {closeSync, constants, openSync, unlinkSync} from 'node:fs';
import {readWhole} from '../foundation/whole-bytes.ts';
import {run} from '../kernel/program.ts';
import {noPrivatePipe} from './failures.ts';
import {allocateSecret} from './secret-buffer.ts';

/** Both ends of a pipe. Closing is the caller's. */
export type SecretPipe = {readonly readFd: number; readonly writeFd: number};

/**
 * A pipe that a program writes a secret into and that is read with `readSync` into one Buffer.
 *
 * Node's own pipes to a child leave what passed through them behind in freed memory (seen: the volume key in hex, in
 * the heap, after every Buffer was zeroed). Node makes no plain pipe, so a named one is made in a directory of our
 * own and loses its name before anything is written. A pipe's pages are the kernel's, and are never swapped out.
 */
export async function openSecretPipe(privateDirectory: string): Promise<SecretPipe> {
  const path = `${privateDirectory}/pipe-${randomBytes(8).toString('hex')}`;
  const made = await run('mknod', ['-m', '600', path, 'p'], {timeoutMs: 10_000});
  if (made.code !== 0) throw noPrivatePipe();
  try {
    // The reader first, and without waiting for a writer: then the writer finds it and does not wait either.
    const readFd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW);
    try {
      return {readFd, writeFd: openSync(path, constants.O_WRONLY | constants.O_NOFOLLOW)};
    } catch (error) {
      closeSync(readFd);
      throw error;
    }
  } finally {
    unlinkSync(path);
  }
}

/**
 * Reads what is in the pipe, after its last writer has gone. The caller zeroes the result.
 * Returns undefined when it does not fit.
 */
export function drainSecretPipe(readFd: number, limitBytes: number): Buffer | undefined {
  const bytes = allocateSecret(limitBytes);
  const length = readWhole(readFd, bytes);
  if (length < limitBytes) return bytes.subarray(0, length);
  bytes.fill(0);
  return undefined;
}
