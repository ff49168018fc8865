import {existsSync, linkSync, lstatSync, mkdirSync, readdirSync, renameSync, rmSync} from 'node:fs';
import {basename, dirname, join} from 'node:path';
import {removeAbandoned, syncFolder, temporaryNameOf} from '../foundation/atomic-file.ts';
import {run} from '../kernel/program.ts';
import {copyNotWritten, fileTaken} from './failures.ts';

/**
 * Makes a large file that appears under its name whole, or not at all: `write` fills a file with a temporary name beside
 * it, and what it returns is returned when the file has its own name. What a SIGKILL leaves, the next call takes away.
 * Throws a Failure (73) if something has the name, before or after the work.
 */
export async function makeFile<T>(path: string, write: (temporary: string) => Promise<T>): Promise<T> {
  if (isTakenName(path)) throw fileTaken(path);
  return throughTemporaryFile(path, write, async (temporary) => {
    if (!(await nameFile(temporary, path))) throw fileTaken(path);
  });
}

/** The same in the place of a file that is there, which is under the name `kept` from then on. */
export async function replaceFile<T>(path: string, kept: string, write: (temporary: string) => Promise<T>): Promise<T> {
  if (isTakenName(kept)) throw fileTaken(kept);
  return throughTemporaryFile(path, write, async (temporary) => {
    keepFile(path, kept);
    renameSync(temporary, path);
    syncFolder(dirname(path));
  });
}

/** The same without keeping the file that was there. */
export async function exchangeFile<T>(path: string, write: (temporary: string) => Promise<T>): Promise<T> {
  return throughTemporaryFile(path, write, async (temporary) => {
    renameSync(temporary, path);
    syncFolder(dirname(path));
  });
}

/** Where there are no hard links, the file has no name for a moment but the one under which it is kept. */
function keepFile(path: string, kept: string): void {
  try {
    linkSync(path, kept);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') throw fileTaken(kept);
    renameSync(path, kept);
  }
  syncFolder(dirname(path));
}

async function throughTemporaryFile<T>(
  path: string,
  write: (temporary: string) => Promise<T>,
  place: (temporary: string) => Promise<void>,
): Promise<T> {
  prepareFolder(dirname(path));
  const temporary = temporaryNameOf(path);
  try {
    // Of an earlier process with this number.
    rmSync(temporary, {force: true});
    const result = await write(temporary);
    await place(temporary);
    return result;
  } catch (error) {
    throw copyNotWritten(path, error) ?? error;
  } finally {
    removeQuietly(temporary);
  }
}

/** A file system that has become read-only lets nothing be removed. */
function removeQuietly(path: string): void {
  try {
    rmSync(path, {force: true});
  } catch {
    // The next call tries again.
  }
}

/** Whether something has that name, be it a link that leads nowhere. */
function isTakenName(path: string): boolean {
  return lstatSync(path, {throwIfNoEntry: false}) !== undefined;
}

function prepareFolder(folder: string): void {
  try {
    mkdirSync(folder, {recursive: true, mode: 0o700});
    removeAbandoned(folder);
  } catch (error) {
    throw copyNotWritten(folder, error) ?? error;
  }
}

/**
 * Gives a file its name, and nothing that has it already: link(2) never replaces. exFAT, as sticks have it, knows no hard
 * links; there mv(1) renames, and leaves the file where it is if the name is taken. The name is on the disk afterwards.
 */
async function nameFile(from: string, to: string): Promise<boolean> {
  try {
    linkSync(from, to);
    rmSync(from);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    await run('mv', ['--no-clobber', '--no-target-directory', '--', from, to]);
    if (existsSync(from)) return false;
  }
  syncFolder(dirname(to));
  return true;
}

/** A free name beside an image for what is kept of it: `vault.img.before-restore-20261128T095500Z`. */
export function keptName(path: string, what: string, now = new Date()): string {
  const stamp = now.toISOString().replace(/[-:]|\.\d+/g, '');
  const name = `${path}.${what}-${stamp}`;
  for (let count = 1; ; count++) {
    const free = count === 1 ? name : `${name}-${count}`;
    if (!isTakenName(free)) return free;
  }
}

/** The files beside an image that have such names. */
export function keptBeside(path: string): string[] {
  const folder = dirname(path);
  const start = `${basename(path)}.`;
  return namesIn(folder)
    .filter((name) => name.startsWith(start) && /^(?:header-)?before-restore-/.test(name.slice(start.length)))
    .map((name) => join(folder, name));
}

/** The names in a directory; none if its user may open files in it, and not list it. */
export function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EACCES') return [];
    throw error;
  }
}
