import {findEdits, wipeEdits} from './edits.ts';
import {readRecord} from './generations.ts';
import {describeSet, type NewSet} from './new-set.ts';
import {newSalt, type PulledFile} from './record.ts';

/** What a pull would change of one file or variable. */
export type Difference = {
  readonly kind: 'file' | 'variable';
  readonly name: string;
  readonly change: 'added' | 'changed' | 'removed' | 'edited here';
  readonly oldSizeBytes?: number;
  readonly newSizeBytes?: number;
  /** The beginnings of keyed digests: they are comparable within this vault only. */
  readonly oldDigest?: string;
  readonly newDigest?: string;
};

/** What `install` would do, without doing it. */
export function compareSet(mountPoint: string, next: NewSet): Difference[] {
  const record = readRecord(mountPoint);
  const {files, variables} = describeSet(next, record?.salt ?? newSalt());
  const edits = findEdits(mountPoint, record);
  wipeEdits(edits);
  return [
    ...differences('file', asNamed(record?.files), asNamed(files), (path) => edits.has(path)),
    ...differences('variable', record?.variables ?? [], variables, () => false),
  ];
}

type Named = {readonly name: string; readonly sizeBytes: number; readonly digest: string; readonly mode?: number};

function asNamed(files: readonly PulledFile[] = []): Named[] {
  return files.map(({path, sizeBytes, digest, mode}) => ({name: path, sizeBytes, digest, mode}));
}

function differences(
  kind: Difference['kind'],
  before: readonly Named[],
  after: readonly Named[],
  isEdited: (name: string) => boolean,
): Difference[] {
  const names = [...new Set([...before, ...after].map(({name}) => name))].sort();
  const index = (list: readonly Named[]) => new Map(list.map((each) => [each.name, each]));
  const [olds, news] = [index(before), index(after)];
  return names.flatMap((name) => {
    const old = olds.get(name);
    const now = news.get(name);
    const changed = old?.digest !== now?.digest || old?.mode !== now?.mode;
    if (!changed && !isEdited(name)) return [];
    const change = old === undefined ? 'added' : now === undefined ? 'removed' : changed ? 'changed' : 'edited here';
    return {
      kind,
      name,
      change,
      ...(old === undefined ? {} : {oldSizeBytes: old.sizeBytes, oldDigest: old.digest.slice(0, 8)}),
      ...(now === undefined ? {} : {newSizeBytes: now.sizeBytes, newDigest: now.digest.slice(0, 8)}),
    };
  });
}
