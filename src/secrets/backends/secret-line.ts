import {closeSync, openSync, readSync} from 'node:fs';
import {Failure} from '../../foundation/failure.ts';
import {noSecretIn, secretUnreadable} from '../failures.ts';

const limitBytes = 64 * 1024;

/** The first line of a file, or of standard input for `-`: a secret, that the caller wipes. Throws a Failure (66, 65). */
export function readSecretLine(file: string): Buffer {
  const buffer = Buffer.alloc(limitBytes);
  let length = 0;
  try {
    const fd = file === '-' ? 0 : openSync(file, 'r');
    try {
      while (length < limitBytes) {
        const count = readSome(fd, buffer, length);
        if (count === 0) break;
        length += count;
        if (buffer.subarray(0, length).includes(10)) break;
      }
    } finally {
      if (fd !== 0) closeSync(fd);
    }
    const end = buffer.subarray(0, length).indexOf(10);
    const line = Buffer.from(buffer.subarray(0, end === -1 ? length : end));
    const trimmed = line.at(-1) === 13 ? line.subarray(0, -1) : line;
    if (trimmed.length > 0) return trimmed;
    throw noSecretIn(file);
  } catch (error) {
    if (error instanceof Failure) throw error;
    throw secretUnreadable(file, error);
  } finally {
    buffer.fill(0);
  }
}

/** A pipe that Node has made non-blocking says EAGAIN while there is nothing in it. */
function readSome(fd: number, buffer: Buffer, at: number): number {
  for (;;) {
    try {
      return readSync(fd, buffer, at, buffer.length - at, null);
    } catch (error) {
      const {code} = error as NodeJS.ErrnoException;
      if (code === 'EOF') return 0;
      if (code !== 'EAGAIN') throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20);
    }
  }
}
