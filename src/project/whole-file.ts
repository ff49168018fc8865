import {
  closeSync,
  existsSync,
  fchmodSync,
  fsyncSync,
  linkSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import {basename, dirname, join} from 'node:path';
import {fileNotWritten} from './failures.ts';

/**
 * Makes a file that appears with all its content or not at all, and is on the disk then. False where there is something
 * of that name, be it a link that leads nowhere: nothing is overwritten or followed. Throws a Failure (73).
 */
export function makeWholeFile(path: string, content: string | Buffer): boolean {
  return throughTemporaryName(path, content, undefined, (temporary) => {
    try {
      linkSync(temporary, path);
      return true;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
      throw error;
    }
  });
}

/** Puts new content into the place of a file's, at once and with its permissions. Throws a Failure (73). */
export function replaceWholeFile(path: string, content: string | Buffer, mode: number): void {
  throughTemporaryName(path, content, mode, (temporary) => renameSync(temporary, path));
}

/** Removes what a killed process of these two has left in a folder. */
export function removeAbandoned(folder: string): void {
  for (const name of existsSync(folder) ? readdirSync(folder) : []) {
    const [, pid] = /^\..+\.tazpod-new-(\d+)$/.exec(name) ?? [];
    if (pid !== undefined && !existsSync(`/proc/${pid}`)) rmSync(join(folder, name), {force: true});
  }
}

function throughTemporaryName<T>(
  path: string,
  content: string | Buffer,
  mode: number | undefined,
  name: (temporary: string) => T,
): T {
  const folder = dirname(path);
  const temporary = join(folder, `.${basename(path)}.tazpod-new-${process.pid}`);
  try {
    const descriptor = openSync(temporary, 'wx');
    try {
      try {
        writeFileSync(descriptor, content);
        if (mode !== undefined) fchmodSync(descriptor, mode & 0o7777);
        fsyncSync(descriptor);
      } finally {
        closeSync(descriptor);
      }
      return name(temporary);
    } finally {
      rmSync(temporary, {force: true});
      syncFolder(folder);
    }
  } catch (cause) {
    throw fileNotWritten(path, cause);
  }
}

function syncFolder(folder: string): void {
  const descriptor = openSync(folder, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
