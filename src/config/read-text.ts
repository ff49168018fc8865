import {closeSync, constants, fstatSync, openSync, readFileSync} from 'node:fs';
import {Failure} from '../foundation/failure.ts';
import {unreadable} from './failures.ts';

/** More than any configuration has. A file that is larger is another one. */
const sizeLimitBytes = 256 * 1024;

/**
 * A text file, UTF-8. Undefined if it does not exist. Throws a Failure (78) for what is no regular file (a FIFO would
 * be waited for without end), too large, not readable or not UTF-8.
 */
export function readText(path: string): string | undefined {
  let bytes: Buffer;
  try {
    const descriptor = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
    try {
      const stat = fstatSync(descriptor);
      if (!stat.isFile()) throw unreadable(path, 'It is not a regular file.');
      if (stat.size > sizeLimitBytes) throw unreadable(path, `It is larger than ${sizeLimitBytes / 1024} KiB.`);
      bytes = readFileSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
  } catch (error) {
    if (error instanceof Failure) throw error;
    const {code} = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw unreadable(path, whyUnread(error));
  }
  try {
    return new TextDecoder('utf-8', {fatal: true}).decode(bytes);
  } catch {
    throw unreadable(path, 'It is not UTF-8.');
  }
}

/** What the kernel's refusal to read a file or a folder means, as a sentence. */
export function whyUnread(error: unknown): string {
  const {code} = error as NodeJS.ErrnoException;
  return code === 'EACCES' ? 'You do not have permission to read it.' : `The kernel returned ${code ?? 'an error'}.`;
}
