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
  statSync,
  writeFileSync,
} from 'node:fs';
import {basename, dirname, join} from 'node:path';

/**
 * Makes a file that appears with all its content or not at all, and is on the disk then. Returns false if there is
 * something of that name, be it a link that leads nowhere: it overwrites and follows nothing.
 */
export function createAtomically(path: string, content: string | Buffer): boolean {
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

/**
 * Puts new content into the place of a file's, or makes the file: who reads it at any moment, also after a crash, finds
 * the old content or the new one.
 */
export function replaceAtomically(path: string, content: string | Buffer, mode?: number): void {
  throughTemporaryName(path, content, mode, (temporary) => renameSync(temporary, path));
}

/** The name beside a file under which this process makes it; `removeAbandoned` knows it when the process is gone. */
export function temporaryNameOf(path: string): string {
  return join(dirname(path), `.${basename(path)}.tazpod-new-${pidNamespace()}-${process.pid}`);
}

/** Removes what killed processes have left in a directory under such a name. */
export function removeAbandoned(folder: string): void {
  for (const name of existsSync(folder) ? readdirSync(folder) : []) {
    const [, namespace, pid] = /^\..+\.tazpod-new-(\d+)-(\d+)$/.exec(name) ?? [];
    if (namespace === pidNamespace() && !existsSync(`/proc/${pid}`)) removeIfAllowed(join(folder, name));
  }
}

/** In a directory that users share, another's file is theirs to remove. */
function removeIfAllowed(path: string): void {
  try {
    rmSync(path, {force: true});
  } catch {
    // It is in nobody's way.
  }
}

/** Brings onto the disk which names a directory has: a new, renamed or removed file may be as before after a crash. */
export function syncFolder(folder: string): void {
  const fd = openSync(folder, 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

function throughTemporaryName<T>(
  path: string,
  content: string | Buffer,
  mode: number | undefined,
  name: (temporary: string) => T,
): T {
  const folder = dirname(path);
  const temporary = temporaryNameOf(path);
  // Of an earlier process with this number.
  rmSync(temporary, {force: true});
  // What replaces a private file is never readable for others, not even for a moment.
  const fd = openSync(temporary, 'wx', mode === undefined ? 0o666 : 0o600);
  try {
    try {
      writeFileSync(fd, content);
      if (mode !== undefined) fchmodSync(fd, mode & 0o7777);
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    return name(temporary);
  } finally {
    rmSync(temporary, {force: true});
    syncFolder(folder);
  }
}

/** The number of this PID namespace: in another one, such as a session's, a process with the same number may be writing. */
function pidNamespace(): string {
  return String(statSync('/proc/self/ns/pid').ino);
}
