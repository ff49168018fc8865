import {lstatSync} from 'node:fs';
import {join} from 'node:path';
import {editedSincePull} from '../failures.ts';
import {pulledPath, readIfThere} from './generations.ts';
import {digestWith, type PulledFile, type PulledRecord} from './record.ts';

/** Other content of a pulled file, and where it is: at its path, or in the generation that its link leads to. */
export type Edit = {readonly at: 'path' | 'generation'; readonly bytes: Buffer};

/** By the paths of the files. The caller wipes them. */
export type Edits = ReadonlyMap<string, Edit>;

/** The files whose content is not what was pulled. */
export function findEdits(mountPoint: string, record: PulledRecord | undefined): Edits {
  const edits = new Map<string, Edit>();
  for (const {path, digest} of record?.files ?? []) {
    const here = join(mountPoint, path);
    const stat = lstatSync(here, {throwIfNoEntry: false});
    // Editors write a file beside and rename it over the link; others write through the link.
    const at = stat?.isFile() === true ? 'path' : 'generation';
    const bytes = readIfThere(at === 'path' ? here : pulledPath(mountPoint, 'current/files', path));
    if (bytes !== undefined && digestWith(record!.salt, bytes) !== digest) edits.set(path, {at, bytes});
    else bytes?.fill(0);
  }
  return edits;
}

/** Throws a Failure (73) where the store has something else for an edited file, or nothing: else it stays as it is. */
export function checkEdits(edits: Edits, record: PulledRecord | undefined, files: readonly PulledFile[]): void {
  for (const path of edits.keys()) {
    const before = record!.files.find((file) => file.path === path)!;
    const after = files.find((file) => file.path === path);
    if (after?.digest !== before.digest) throw editedSincePull(path, after !== undefined);
  }
}

export function wipeEdits(edits: Edits): void {
  for (const {bytes} of edits.values()) bytes.fill(0);
}
