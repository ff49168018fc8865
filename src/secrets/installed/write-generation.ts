import {join} from 'node:path';
import type {FileOperations} from '../vault-directory/file-operations.ts';
import type {Edits} from './edits.ts';
import {foldersAbove, pulledPath} from './generations.ts';
import type {NewSet} from './new-set.ts';
import type {PulledRecord} from './record.ts';

/** Writes a set and its record as a generation that does not hold yet, and syncs it. Edited files keep their content. */
export function writeGeneration(
  mountPoint: string,
  number: number,
  next: NewSet,
  record: PulledRecord,
  edits: Edits,
  {makeFolder, writeFile, syncFile, syncFolder}: FileOperations,
): void {
  const root = pulledPath(mountPoint, number);
  const contents = [
    ...next.files.map(({path, mode, bytes}) => ({
      path: join('files', path),
      mode,
      bytes: edits.get(path)?.bytes ?? bytes,
    })),
    ...next.environment.map(({path, bytes}) => ({path: join('environment', path), mode: 0o600, bytes})),
    ...next.answers.map(({key, bytes}) => ({path: join('folders', key), mode: 0o600, bytes})),
    {path: 'pulled.json', mode: 0o600, bytes: Buffer.from(`${JSON.stringify(record)}\n`)},
  ];
  const folders = ['', ...new Set(['environment', ...contents.flatMap(({path}) => foldersAbove(path))])];
  for (const folder of folders) makeFolder(join(root, folder), 0o700);
  // All are written before the first is synced: the first sync then takes most of the others along.
  for (const {path, mode, bytes} of contents) writeFile(join(root, path), bytes, mode);
  for (const {path} of contents) syncFile(join(root, path));
  for (const folder of folders.toReversed()) syncFolder(join(root, folder));
  syncFolder(pulledPath(mountPoint));
}
