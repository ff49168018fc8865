import {join} from 'node:path';
import {vaultWriteFailure} from '../failures.ts';
import {type FileOperations, realFileOperations} from '../vault-directory/file-operations.ts';
import {makeOwnFolder} from '../vault-directory/own-files.ts';
import {checkEdits, type Edits, findEdits, wipeEdits} from './edits.ts';
import {currentNumber, generationNumbers, pulledPath, readAnswer, readRecord} from './generations.ts';
import {areAllLinked, checkTargets, makeLinks, missingFolders} from './links.ts';
import {type Described, describeSet, type NewSet} from './new-set.ts';
import {newSalt, type PulledRecord} from './record.ts';
import {removeGeneration, sweep} from './sweep.ts';
import {writeGeneration} from './write-generation.ts';

export type InstallOptions = {
  /** Take the store's side where a file was changed here and there. */
  readonly overwrite?: boolean;
  /** False: what is here was not pulled by this account; it is replaced, and not believed. */
  readonly known?: boolean;
  readonly operations?: FileOperations;
};

/** What an installed set changed; paths and names of variables. */
export type Installed = {
  readonly changed: boolean;
  /** Files that were edited here, and whose secret is as it was: they are left so. */
  readonly kept: readonly string[];
};

/**
 * Makes this set the one that holds; the caller holds the lock of pulls. Throws a Failure (73) that names the file where
 * something of the user's is in the way, or where the vault is full; nothing has changed then.
 */
export function install(mountPoint: string, next: NewSet, options: InstallOptions = {}): Installed {
  const {overwrite = false, operations = realFileOperations} = options;
  let edits: Edits = new Map();
  try {
    for (const folder of [join(mountPoint, '.tazpod'), pulledPath(mountPoint)]) makeOwnFolder(folder, operations);
    sweep(mountPoint, operations);
    if (!overwrite) edits = findEdits(mountPoint, readRecord(mountPoint));
    return replaceCurrent(mountPoint, next, edits, options);
  } catch (error) {
    throw vaultWriteFailure(error);
  } finally {
    wipeEdits(edits);
  }
}

function replaceCurrent(
  mountPoint: string,
  next: NewSet,
  edits: Edits,
  {overwrite = false, known = true, operations = realFileOperations}: InstallOptions,
): Installed {
  const record = readRecord(mountPoint);
  const salt = record?.salt ?? newSalt();
  const described = describeSet(next, salt);
  const {files} = described;
  checkEdits(edits, record, files);
  const kept = [...edits.keys()];
  const detached = new Set(kept.filter((path) => edits.get(path)!.at === 'path'));
  const pulledBefore = new Set(record?.files.map(({path}) => path));
  // With the pulled content a file that an editor has renamed here is no loss.
  checkTargets(mountPoint, files, (path, isFile) => (pulledBefore.has(path) && isFile) || detached.has(path));
  const believed = known && !overwrite && record !== undefined;
  if (believed && isSame(mountPoint, record, next, described) && areAllLinked(mountPoint, files, detached)) {
    return {changed: false, kept};
  }
  const number = Math.max(0, ...generationNumbers(mountPoint)) + 1;
  const made: string[] = [];
  try {
    const nextRecord = recordFor(mountPoint, next, described, salt, record);
    writeGeneration(mountPoint, number, next, nextRecord, edits, operations);
    const linked = files.filter(({path}) => !detached.has(path));
    makeLinks(mountPoint, linked, made, operations);
    switchTo(mountPoint, number, operations);
  } catch (error) {
    const added = made.filter((path) => !pulledBefore.has(path));
    undo(mountPoint, number, added, operations);
    throw error;
  }
  sweep(mountPoint, operations);
  return {changed: true, kept};
}

/** Whether a set is what the record says, answers of the stores included. */
function isSame(
  mountPoint: string,
  record: PulledRecord,
  {source, profile, answers}: NewSet,
  next: Described,
): boolean {
  const parts = [next.files, next.variables, source, profile];
  const before = [record.files, record.variables, record.source, record.profile];
  return (
    JSON.stringify(parts) === JSON.stringify(before) &&
    answers.every(({key, bytes}) => hasAnswer(mountPoint, key, bytes))
  );
}

function hasAnswer(mountPoint: string, key: string, bytes: Uint8Array): boolean {
  const kept = readAnswer(mountPoint, key);
  const same = kept?.equals(bytes) === true;
  kept?.fill(0);
  return same;
}

function recordFor(
  mountPoint: string,
  {pulled, source, profile}: NewSet,
  {files, variables}: Described,
  salt: string,
  before: PulledRecord | undefined,
): PulledRecord {
  const made = new Set([...(before?.folders ?? []), ...missingFolders(mountPoint, files)]);
  const folders = [...made].filter((folder) => files.some(({path}) => path.startsWith(`${folder}/`)));
  return {version: 1, pulled, source, ...(profile === undefined ? {} : {profile}), salt, files, variables, folders};
}

function switchTo(mountPoint: string, number: number, {makeLink, rename, syncFolder}: FileOperations): void {
  const next = pulledPath(mountPoint, 'next');
  makeLink(String(number), next);
  rename(next, pulledPath(mountPoint, 'current'));
  syncFolder(pulledPath(mountPoint));
}

/** Takes back what was made for a generation that will not hold. */
function undo(mountPoint: string, number: number, added: readonly string[], operations: FileOperations): void {
  // The one step that looks like its failure: it holds, and the folder could not be synced.
  if (currentNumber(mountPoint) === number) return;
  try {
    removeGeneration(mountPoint, number, added, operations);
  } catch {
    // The next pull sweeps.
  }
}
