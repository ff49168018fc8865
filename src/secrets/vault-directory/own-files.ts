import {randomBytes} from 'node:crypto';
import {lstatSync} from 'node:fs';
import {dirname, join} from 'node:path';
import {placeTaken, vaultWriteFailure} from '../failures.ts';
import {realFileOperations} from './file-operations.ts';

/** Makes a folder of TazPod's own in the vault. A link in its place, from a vault of somebody else, is refused. */
export function makeOwnFolder(path: string, {makeFolder} = realFileOperations): void {
  const stat = lstatSync(path, {throwIfNoEntry: false});
  if (stat === undefined) makeFolder(path, 0o700);
  else if (!stat.isDirectory()) throw placeTaken(path);
}

/** Replaces a file of TazPod's own in one step, so that a reader and a crash meet the old one or the new one. */
export function replaceOwnFile(path: string, content: Uint8Array): void {
  const next = join(dirname(path), `.${randomBytes(6).toString('hex')}`);
  const {writeFile, syncFile, rename, syncFolder, removeFile} = realFileOperations;
  try {
    writeFile(next, content, 0o600);
    syncFile(next);
    rename(next, path);
  } catch (error) {
    if (lstatSync(next, {throwIfNoEntry: false}) !== undefined) removeFile(next);
    throw vaultWriteFailure(error);
  }
  syncFolder(dirname(path));
}
