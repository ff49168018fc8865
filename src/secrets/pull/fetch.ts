import {createHash} from 'node:crypto';
import {printable} from '../../config/printable.ts';
import type {Folder, Secret} from '../../contract/index.ts';
import {backendMisbehaved} from '../failures.ts';
import {callBackend, type OpenedBackend} from '../backends/backends.ts';
import {excluder} from '../mapping/exclude.ts';
import type {Mapping, WantedSecret} from '../mapping/mapping.ts';
import {canonicalJson, settingsDigest} from '../vault-directory/private-store.ts';
import {decodeAnswer, encodeAnswer} from './stored-answer.ts';

/** One folder of a store, and everything that is wanted of it: it is asked for once. */
export type FolderRequest = {
  readonly opened: OpenedBackend;
  readonly folder: Folder;
  readonly wanted: readonly WantedSecret[];
  /** What the answer is kept under: changes with everything that the answer depends on. */
  readonly key: string;
};

/** What a folder has, and the bytes that are kept of it. */
export type FetchedFolder = {
  readonly request: FolderRequest;
  /** The store said that nothing has changed. */
  readonly unchanged: boolean;
  readonly secrets: readonly Secret[];
  readonly stored: Buffer;
};

/** Which folders must be read for a mapping. */
export function folderRequests({secrets}: Mapping, backends: ReadonlyMap<string, OpenedBackend>): FolderRequest[] {
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
    const key = createHash('sha256').update(canonicalJson(parts)).digest('hex');
    return {opened: backends.get(backend.name)!, folder: {...folder, ...exclusion}, wanted, key: key.slice(0, 32)};
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

/** Reads one folder, with the validator of an earlier answer where that is still here. */
export async function fetchFolder(request: FolderRequest, earlier: Buffer | undefined): Promise<FetchedFolder> {
  const {opened, folder} = request;
  const known = earlier && decodeAnswer(earlier);
  const validator = known?.validator;
  const answer = await callBackend(opened, `read the folder ${printable(folder.path)}`, () =>
    opened.backend.readFolder(opened.context, {...folder, ...(validator === undefined ? {} : {validator})}),
  );
  if (answer.state === 'unchanged') {
    if (validator === undefined)
      throw backendMisbehaved(opened.definition.name, 'It reported no change, but nothing was pulled before.');
    return {request, unchanged: true, secrets: known!.secrets, stored: earlier!};
  }
  // What was not asked for is not kept: a store that lists whole folders may give more.
  const names = folder.names && new Set(folder.names);
  const fault = answer.secrets.find(
    ({name, path, value}) => typeof name !== 'string' || typeof path !== 'string' || !ArrayBuffer.isView(value),
  );
  if (fault !== undefined) throw backendMisbehaved(opened.definition.name, 'It returned a value that is not a secret.');
  const isWanted = (secret: Secret) => names?.has(secret.name) !== false && folder.isExcluded?.(secret) !== true;
  const secrets = answer.secrets.filter(isWanted);
  for (const secret of answer.secrets.filter((each) => !isWanted(each))) secret.value.fill(0);
  const stored = encodeAnswer({secrets, ...(answer.validator === undefined ? {} : {validator: answer.validator})});
  return {request, unchanged: stored.equals(earlier ?? Buffer.alloc(0)), secrets, stored};
}

/** Wipes every value. */
export function wipe(folders: readonly FetchedFolder[]): void {
  for (const {secrets, stored} of folders) {
    for (const {value} of secrets) value.fill(0);
    stored.fill(0);
  }
}
