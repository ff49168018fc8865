import {lstatSync} from 'node:fs';
import {dirname, join} from 'node:path';
import {targetTaken} from '../failures.ts';
import {type FileOperations, realFileOperations} from '../vault-directory/file-operations.ts';
import {entriesOf, foldersAbove, linkTarget, pulledPath} from './generations.ts';
import type {PulledFile, PulledRecord} from './record.ts';

/** Links of TazPod's own folder, for the readers of the environment and the record. */
const ownLinks: ReadonlyMap<string, string> = new Map([
  ['environment', 'pulled/current/environment'],
  ['pulled.json', 'pulled/current/pulled.json'],
]);

/** Puts the variables of the generation that holds back within reach, after they were withheld from a session. */
export function linkEnvironment(mountPoint: string): void {
  for (const [name, target] of ownLinks) {
    const path = join(mountPoint, '.tazpod', name);
    if (!isThere(path)) realFileOperations.makeLink(target, path);
  }
}

function isLinked(mountPoint: string, path: string): boolean {
  return linkTarget(join(mountPoint, path)) === linkTo(path);
}

/** Whether every name leads to the generation that holds; those that are `detached` are files of their own. */
export function areAllLinked(mountPoint: string, files: readonly PulledFile[], detached: ReadonlySet<string>): boolean {
  const own = [...ownLinks].every(([name, target]) => linkTarget(join(mountPoint, '.tazpod', name)) === target);
  return own && files.every(({path}) => detached.has(path) || isLinked(mountPoint, path));
}

/** Throws a Failure (73) where something of the user's is in the way. `isExpendable` says what may be replaced. */
export function checkTargets(
  mountPoint: string,
  files: readonly PulledFile[],
  isExpendable: (path: string, isFile: boolean) => boolean,
): void {
  for (const {path} of files) {
    for (const folder of foldersAbove(path)) {
      const stat = lstatSync(join(mountPoint, folder), {throwIfNoEntry: false});
      if (stat === undefined) break;
      if (!stat.isDirectory()) throw targetTaken(folder, path);
    }
    const stat = lstatSync(join(mountPoint, path), {throwIfNoEntry: false});
    if (stat === undefined || isLinked(mountPoint, path)) continue;
    if (!isExpendable(path, stat.isFile())) throw targetTaken(path, path);
  }
}

/** The folders that files need and that are not there, the uppermost first. */
export function missingFolders(mountPoint: string, files: readonly PulledFile[]): string[] {
  const all = new Set(files.flatMap(({path}) => foldersAbove(path)));
  return [...all].filter((folder) => !isThere(join(mountPoint, folder)));
}

/** Makes what `areAllLinked` misses. Each file's path goes to `made` before its link is made. */
export function makeLinks(
  mountPoint: string,
  files: readonly PulledFile[],
  made: string[],
  {makeFolder, makeLink, rename, syncFolder}: FileOperations,
): void {
  const touched = new Set<string>();
  for (const folder of missingFolders(mountPoint, files)) {
    makeFolder(join(mountPoint, folder), 0o700);
    touched.add(dirname(folder));
  }
  const next = pulledPath(mountPoint, 'next');
  for (const {path} of files.filter((file) => !isLinked(mountPoint, file.path))) {
    const here = join(mountPoint, path);
    made.push(path);
    touched.add(dirname(path));
    if (!isThere(here)) {
      makeLink(linkTo(path), here);
      continue;
    }
    // An editor's own file in the place of the link, as checked before; replaced in one step.
    makeLink(linkTo(path), next);
    rename(next, here);
  }
  for (const [name, target] of ownLinks) {
    const here = join(mountPoint, '.tazpod', name);
    if (linkTarget(here) === target) continue;
    makeLink(target, here);
    touched.add('.tazpod');
  }
  for (const folder of touched) syncFolder(join(mountPoint, folder));
}

/** Removes the link of a path, and the folders above it that a pull has made, as far as nothing else is in them. */
export function removeLink(
  mountPoint: string,
  path: string,
  record: PulledRecord | undefined,
  {removeFile, removeFolder}: FileOperations,
): void {
  if (isLinked(mountPoint, path)) removeFile(join(mountPoint, path));
  for (const folder of foldersAbove(path).toReversed()) {
    const here = join(mountPoint, folder);
    const stat = lstatSync(here, {throwIfNoEntry: false});
    if (stat === undefined) continue;
    const ours = record?.folders.includes(folder) === true && stat.isDirectory();
    if (!ours || entriesOf(here).length > 0) return;
    removeFolder(here);
  }
}

/** The text of the link at a path of the vault. */
function linkTo(path: string): string {
  return `${'../'.repeat(path.split('/').length - 1)}.tazpod/pulled/current/files/${path}`;
}

function isThere(path: string): boolean {
  return lstatSync(path, {throwIfNoEntry: false}) !== undefined;
}
