import type {Stats} from 'node:fs';
import {readFile, stat} from 'node:fs/promises';
import {relative, resolve, sep} from 'node:path';
import type {BackendContext, Folder, FolderAnswer, IsPulled, Secret, SecretBackend} from 'tazpod/contract';
import {
  fileGone,
  invalidLine,
  invalidSettings,
  noSuchFile,
  notRegular,
  tooLarge,
  unreadable,
  valuesInDoubt,
} from './failures.ts';
import {type Parsed, parseDotenv, ParseError} from './parse.ts';
import {checkSettings, filesOf, needsTrust, readersOf} from './settings.ts';

const limitBytes = 4 * 1024 * 1024;
/** The `.env` files of a project, for the way into the vault. */
const backend: SecretBackend = {contract: 1, checkSettings, needsTrust, clearCopies, readFolder};
export default backend;

/**
 * All files as one folder; where two have a name, the later one holds. One that no longer exists was taken away
 * after an earlier pull: what was read then is in the vault, and stays.
 */
async function readFolder(context: BackendContext, folder: Folder): Promise<FolderAnswer> {
  const faults = checkSettings(context.settings);
  if (faults.length > 0) throw invalidSettings(faults);
  const wanted = filesOf(context.settings).map((each) => ({...each, path: resolvePath(context, each.file)}));
  const present = await Promise.all(wanted.map(async ({path}) => stat(path).catch(() => undefined)));
  const versions = present.map((each) =>
    each === undefined ? 'gone' : `${each.dev}:${each.ino}:${each.size}:${each.mtimeMs}`,
  );
  const files = wanted.map(({path}) => path);
  const validator = JSON.stringify([files, versions]);
  if (present.every((each) => each === undefined)) {
    if (folder.validator !== undefined) return {state: 'unchanged'};
    if (wanted.every(({optional}) => optional)) return {state: 'read', secrets: []};
    throw noSuchFile(files.map((path) => shown(context, path)));
  }
  if (folder.validator === validator) return {state: 'unchanged'};
  const earlier = versionsIn(folder.validator, files);
  const gone = wanted.filter(
    ({optional}, index) => present[index] === undefined && (!optional || (earlier?.[index] ?? 'gone') !== 'gone'),
  );
  if (gone.length > 0) {
    throw fileGone(gone.map(({path}) => shown(context, path)));
  }
  const parsed = await Promise.all(
    wanted.flatMap(({path}, index) => (present[index] === undefined ? [] : read(context, path, present[index]))),
  );
  const doubtful = parsed.flatMap(({doubts, path}) => doubts.map((each) => ({...each, path})));
  if (doubtful.length > 0) {
    for (const {assignments} of parsed) for (const {value} of assignments) value.fill(0);
    const places = doubtful.map(({path, line, name, why}) => `${shown(context, path)}:${line} ${name}: ${why}`);
    throw valuesInDoubt(places, readersOf(context.settings));
  }
  const secrets = new Map<string, Secret>();
  for (const {name, value} of parsed.flatMap(({assignments}) => assignments)) {
    secrets.get(name)?.value.fill(0);
    secrets.set(name, {name, path: folder.path, value});
  }
  return {state: 'read', secrets: [...secrets.values()], validator};
}

/**
 * The files of which every value was pulled, and none is in doubt: with any other one something would be lost. A value
 * that a later line or file overrides was not pulled.
 */
async function clearCopies(
  context: BackendContext,
  _names: readonly string[],
  isPulled: IsPulled = () => false,
): Promise<readonly string[]> {
  const copies: string[] = [];
  for (const {file} of filesOf(context.settings)) {
    const path = resolvePath(context, file);
    const found = await stat(path).catch(() => undefined);
    if (found === undefined) continue;
    const {assignments, doubts} = await read(context, path, found);
    if (doubts.length === 0 && assignments.every(({name, value}) => isPulled(name, value))) copies.push(path);
    for (const {value} of assignments) value.fill(0);
  }
  return copies;
}

async function read(context: BackendContext, path: string, found: Stats): Promise<Parsed & {readonly path: string}> {
  // A FIFO would be waited for without end.
  if (!found.isFile()) throw notRegular(shown(context, path));
  if (found.size > limitBytes) throw tooLarge(shown(context, path));
  let bytes: Buffer;
  try {
    bytes = await readFile(path);
  } catch {
    throw unreadable(shown(context, path));
  }
  try {
    return {path, ...parseDotenv(bytes, readersOf(context.settings))};
  } catch (error) {
    if (!(error instanceof ParseError)) throw error;
    throw invalidLine(shown(context, path), error.line, error.message);
  } finally {
    bytes.fill(0);
  }
}

/** What an earlier answer was made from, if that was these files. */
function versionsIn(validator: string | undefined, files: readonly string[]): readonly string[] | undefined {
  const [known, versions] = JSON.parse(validator ?? '[]') as [string[]?, string[]?];
  return JSON.stringify(known) === JSON.stringify(files) ? versions : undefined;
}

function resolvePath({environment, projectFolder}: BackendContext, file: string): string {
  return file.startsWith('~/') ? resolve(environment['HOME'] ?? '/', file.slice(2)) : resolve(projectFolder, file);
}

function shown({projectFolder}: BackendContext, file: string): string {
  return file.startsWith(projectFolder + sep) ? relative(projectFolder, file) : file;
}
