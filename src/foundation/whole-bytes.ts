import {readSync, writeSync} from 'node:fs';

/**
 * Fills `bytes` from a descriptor, or as much of them as there is before the end, and returns how many it has read: a
 * single read(2) may bring less. Without a position it reads on where the descriptor stands.
 */
export function readWhole(fd: number, bytes: Uint8Array, position?: number): number {
  let length = 0;
  for (let count = 1; count > 0 && length < bytes.length; length += count) {
    const at = position === undefined ? null : position + length;
    count = readSync(fd, bytes, length, bytes.length - length, at);
  }
  return length;
}

/** Writes all of `bytes`, of which a single write(2) may take less. */
export function writeWhole(fd: number, bytes: Uint8Array, position?: number): void {
  for (let done = 0; done < bytes.length;) {
    const at = position === undefined ? null : position + done;
    done += writeSync(fd, bytes, done, bytes.length - done, at);
  }
}
