import {createAtomically, replaceAtomically} from '../foundation/atomic-file.ts';
import {fileNotWritten} from './failures.ts';

/** `createAtomically`. Throws a Failure (73). */
export function makeWholeFile(path: string, content: string | Buffer): boolean {
  return orFail(path, () => createAtomically(path, content));
}

/** `replaceAtomically`. Throws a Failure (73). */
export function replaceWholeFile(path: string, content: string | Buffer, mode: number): void {
  orFail(path, () => replaceAtomically(path, content, mode));
}

function orFail<T>(path: string, write: () => T): T {
  try {
    return write();
  } catch (cause) {
    throw fileNotWritten(path, cause);
  }
}
