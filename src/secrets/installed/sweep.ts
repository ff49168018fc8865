import {lstatSync} from 'node:fs';
import {join} from 'node:path';
import type {FileOperations} from '../vault-directory/file-operations.ts';
import {currentNumber, entriesOf, generationNumbers, pulledPath, readRecord, recordOf} from './generations.ts';
import {removeLink} from './links.ts';

/** Removes what a pull that was killed has left: links that lead nowhere, and generations that do not hold. */
export function sweep(mountPoint: string, operations: FileOperations): void {
  const current = currentNumber(mountPoint);
  const wanted = new Set(readRecord(mountPoint)?.files.map(({path}) => path));
  for (const number of generationNumbers(mountPoint).filter((each) => each !== current)) {
    const files = filesBelow(pulledPath(mountPoint, number, 'files'));
    const stray = files.filter((path) => !wanted.has(path));
    removeGeneration(mountPoint, number, stray, operations);
  }
  const next = pulledPath(mountPoint, 'next');
  if (lstatSync(next, {throwIfNoEntry: false}) !== undefined) operations.removeFile(next);
}

/** Removes a generation and the links of these paths. */
export function removeGeneration(
  mountPoint: string,
  number: number,
  paths: readonly string[],
  operations: FileOperations,
): void {
  // The links first: the generation's folder is what tells where they are.
  const record = recordOf(mountPoint, number);
  for (const path of paths) removeLink(mountPoint, path, record, operations);
  removeTree(pulledPath(mountPoint, number), operations);
}

function removeTree(folder: string, operations: FileOperations): void {
  for (const entry of entriesOf(folder)) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) removeTree(path, operations);
    else operations.removeFile(path);
  }
  if (lstatSync(folder, {throwIfNoEntry: false}) !== undefined) operations.removeFolder(folder);
}

function filesBelow(folder: string, prefix = ''): string[] {
  return entriesOf(folder).flatMap((entry) => {
    const path = `${prefix}${entry.name}`;
    return entry.isDirectory() ? filesBelow(join(folder, entry.name), `${path}/`) : [path];
  });
}
