import {randomBytes} from 'node:crypto';
import {
  closeSync,
  constants,
  copyFileSync,
  existsSync,
  fchmodSync,
  fsyncSync,
  lstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  unlinkSync,
} from 'node:fs';
import {dirname, resolve} from 'node:path';
import {writeWhole} from '../foundation/whole-bytes.ts';
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

/**
 * Replaces a file, or makes it: written beside, synced and renamed, so that a program that reads it at any moment, also
 * after a crash, finds the old one or the new one. The mode stays. Throws a Failure (77).
 */
export function replaceFile(path: string, content: string, newMode = 0o644): void {
  const mode = statSync(path, {throwIfNoEntry: false})?.mode ?? newMode;
  const beside = `${path}.tazpod-${randomBytes(6).toString('hex')}`;
  try {
    mkdirSync(dirname(path), {recursive: true, mode: 0o700});
    const fd = openSync(beside, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o600);
    try {
      writeWhole(fd, Buffer.from(content, 'latin1'));
      fchmodSync(fd, mode & 0o7777);
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    renameSync(beside, path);
    syncFolder(path);
  } catch (error) {
    rmSync(beside, {force: true});
    throw asFailure(error, path);
  }
}

/** Removes a file. Throws a Failure (77). */
export function removeFile(path: string): void {
  try {
    unlinkSync(path);
    syncFolder(path);
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

function syncFolder(path: string): void {
  const fd = openSync(dirname(path), 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

function asFailure(error: unknown, path: string): unknown {
  if (error instanceof Failure) return error;
  const code = (error as NodeJS.ErrnoException).code ?? 'an error';
  return fileUnchangeable(path, code, error);
}
