import type {Folder, Secret} from '../../contract/index.ts';
import type {OpenedBackend} from '../backends/backends.ts';
import {excluder} from '../mapping/exclude.ts';
import type {Mapping, WantedSecret} from '../mapping/mapping.ts';
import {digestOf, settingsDigest} from '../mapping/settings-digest.ts';

/** One folder of a store, and everything that is wanted of it: it is asked for once. */
export type FolderRequest = {
  readonly opened: OpenedBackend;
  readonly folder: Folder;
  readonly wanted: readonly WantedSecret[];
  /** What the answer is kept under: changes with everything that the answer depends on. */
  readonly key: string;
};

/** Which folders must be read for a mapping. */
export function planFolders({secrets}: Mapping, backends: ReadonlyMap<string, OpenedBackend>): FolderRequest[] {
  const groups = Map.groupBy(secrets, ({backend, environment, path, recursive, content}) =>
    JSON.stringify([backend.name, environment, path, recursive, content]),
  );
  return [...groups.values()].map((wanted) => {
    const {backend, environment, path, recursive, content} = wanted[0]!;
    const whole = wanted.filter(({name}) => name === undefined);
    const names = whole.length > 0 ? undefined : [...new Set(wanted.map(({name}) => name!))].sort();
    const folder: Folder = {
      path,
      recursive,
      ...(environment === undefined ? {} : {environment}),
      ...(names === undefined ? {} : {names}),
      ...(content === undefined ? {} : {content}),
      ...(whole.length > 0 && whole.every(({optional}) => optional) ? {optional: true} : {}),
    };
    const excluded = wanted.map(({name, exclude}) => name ?? exclude);
    const exclusion = whole.some(({exclude}) => exclude.length > 0) ? {isExcluded: exclusionOf(wanted)} : {};
    // Without exclusions the key stays what it was in older vaults.
    const parts = [backend.name, settingsDigest(backend), folder, ...('isExcluded' in exclusion ? [excluded] : [])];
    const key = digestOf(parts).slice(0, 32);
    return {opened: backends.get(backend.name)!, folder: {...folder, ...exclusion}, wanted, key};
  });
}

/** A secret is left out if nobody who asks for the folder wants it. */
function exclusionOf(wanted: readonly WantedSecret[]): NonNullable<Folder['isExcluded']> {
  const refusals = wanted.map(({name, exclude, path}) => {
    const isExcluded = excluder(exclude, path);
    return (secret: Pick<Secret, 'name' | 'path'>) => (name === undefined ? isExcluded(secret) : secret.name !== name);
  });
  return (secret) => refusals.every((refuses) => refuses(secret));
}

/** What the user sees while a folder is read, on one line. */
export function titleOf({opened, folder}: FolderRequest): string {
  const {environment, path, recursive} = folder;
  const place = `${environment === undefined ? '' : `${environment}:`}${path}${recursive ? ' and below' : ''}`;
  return `Read ${opened.definition.name} ${JSON.stringify(place).slice(1, -1)}`;
}
