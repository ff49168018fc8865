import {
  constants,
  copyFileSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  unlinkSync,
} from 'node:fs';
import {dirname, resolve} from 'node:path';
import {replaceAtomically, syncFolder} from '../foundation/atomic-file.ts';
import {Failure} from '../foundation/failure.ts';
import {fileUnchangeable, notAFile, tooManyLinks} from './failures.ts';

/** A file of the user's as `latin1`, or undefined if it does not exist. Throws a Failure (77, 78). */
export function readIfThere(path: string): string | undefined {
  try {
    if (statSync(path, {throwIfNoEntry: false})?.isFile() === false) {
      throw notAFile(path);
    }
    return readFileSync(path, 'latin1');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw asFailure(error, path);
  }
}

/**
 * What a path leads to, through links that may lead to nothing yet: dotfiles are often links into a repository, and
 * there they are edited.
 */
export function targetOf(path: string): string {
  let target = path;
  for (let links = 0; links < 40; links++) {
    if (lstatSync(target, {throwIfNoEntry: false})?.isSymbolicLink() !== true) return target;
    target = resolve(dirname(target), readlinkSync(target));
  }
  throw tooManyLinks(path);
}

/** Replaces a file, or makes it (`replaceAtomically`). The mode stays. Throws a Failure (77). */
export function replaceFile(path: string, content: string, newMode = 0o644): void {
  try {
    mkdirSync(dirname(path), {recursive: true, mode: 0o700});
    const mode = statSync(path, {throwIfNoEntry: false})?.mode ?? newMode;
    replaceAtomically(path, Buffer.from(content, 'latin1'), mode);
  } catch (error) {
    throw asFailure(error, path);
  }
}

/** Removes a file. Throws a Failure (77). */
export function removeFile(path: string): void {
  try {
    unlinkSync(path);
    syncFolder(dirname(path));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw asFailure(error, path);
  }
}

/** Keeps a copy beside a file, and returns its path. It overwrites none. */
export function keepCopy(path: string): string {
  for (let count = 0; ; count++) {
    const copy = copyName(path, count);
    if (existsSync(copy)) continue;
    copyFileSync(path, copy, constants.COPYFILE_EXCL);
    return copy;
  }
}

/** Removes the copies beside a file that hold nothing else than the file itself. */
export function dropEqualCopies(path: string, content: string): void {
  for (let count = 0; existsSync(copyName(path, count)); count++) {
    if (readFileSync(copyName(path, count), 'latin1') === content) unlinkSync(copyName(path, count));
  }
}

function copyName(path: string, count: number): string {
  return `${path}.before-tazpod${count === 0 ? '' : `-${count}`}`;
}

function asFailure(error: unknown, path: string): unknown {
  if (error instanceof Failure) return error;
  const code = (error as NodeJS.ErrnoException).code ?? 'an error';
  return fileUnchangeable(path, code, error);
}
