import type {Stats} from 'node:fs';
import {readFile, stat} from 'node:fs/promises';
import {isAbsolute, relative, resolve, sep} from 'node:path';
import type {BackendContext, Folder, FolderAnswer, Secret, SecretBackend} from 'tazpod/contract';
import {failure} from './failure.ts';
import {type Assignment, parseDotenv, ParseError} from './parse.ts';

const known = ['file', 'files'];
const limitBytes = 4 * 1024 * 1024;

/** The `.env` files of a project, for the way into the vault. */
const backend: SecretBackend = {
  contract: 1,
  checkSettings,
  needsTrust: (settings) =>
    filesOf(settings)
      .filter((file) => isAbsolute(file) || file.startsWith('~') || relative('.', file).startsWith('..'))
      .map((file) => `reads ${file}, outside of the project`),
  clearCopies,
  readFolder,
};
export default backend;

function checkSettings(settings: BackendContext['settings']): readonly string[] {
  const strange = Object.keys(settings).filter((key) => !known.includes(key));
  const faults = strange.map((key) => `${JSON.stringify(key)} is no setting of this backend.`);
  if (settings['file'] !== undefined && settings['files'] !== undefined)
    faults.push('file and files are the same setting.');
  const files: readonly unknown[] = filesOf(settings);
  const usable =
    files.length > 0 && files.every((file) => typeof file === 'string' && file !== '' && !file.includes('\0'));
  return usable ? faults : [...faults, 'files has to be a path, or a list of paths; .env where nothing is said.'];
}

function filesOf({file, files = file ?? '.env'}: BackendContext['settings']): readonly string[] {
  return (Array.isArray(files) ? files : [files]) as string[];
}

/**
 * All files as one folder; where two have a name, the later one holds. One that is not there any more was taken away
 * after an earlier pull: what was read then is in the vault, and stays.
 */
async function readFolder(context: BackendContext, folder: Folder): Promise<FolderAnswer> {
  const faults = checkSettings(context.settings);
  if (faults.length > 0) throw failure('settings', faults.join(' '), {next: 'tazpod secrets check'});
  const files = filesOf(context.settings).map((file) => resolvePath(context, file));
  const present = await Promise.all(files.map(async (file) => stat(file).catch(() => undefined)));
  const versions = present.map((each) =>
    each === undefined ? 'gone' : `${each.dev}:${each.ino}:${each.size}:${each.mtimeMs}`,
  );
  const validator = JSON.stringify([files, versions]);
  if (present.every((each) => each === undefined)) {
    if (folder.validator !== undefined) return {state: 'unchanged'};
    throw failure('not-found', `There is no ${files.map((file) => shown(context, file)).join(', nor ')}.`);
  }
  if (folder.validator === validator) return {state: 'unchanged'};
  const gone = files.filter((_file, index) => present[index] === undefined);
  if (gone.length > 0) {
    throw failure('not-found', `There is no ${gone.map((file) => shown(context, file)).join(', nor ')}.`, {
      why: 'What was in it would be removed from the vault.',
      next: 'take it out of secrets.yml, or put it back',
    });
  }
  const secrets = new Map<string, Secret>();
  for (const [index, file] of files.entries()) {
    for (const {name, value} of await read(context, file, present[index]!)) {
      secrets.get(name)?.value.fill(0);
      secrets.set(name, {name, path: folder.path, value});
    }
  }
  return {state: 'read', secrets: [...secrets.values()], validator};
}

/** The files of which every assignment was pulled: with any other one something would be lost. */
async function clearCopies(context: BackendContext, names: readonly string[]): Promise<readonly string[]> {
  const pulled = new Set(names);
  const copies: string[] = [];
  for (const file of filesOf(context.settings).map((each) => resolvePath(context, each))) {
    const found = await stat(file).catch(() => undefined);
    if (found === undefined) continue;
    const assignments = await read(context, file, found);
    if (assignments.every(({name}) => pulled.has(name))) copies.push(file);
    for (const {value} of assignments) value.fill(0);
  }
  return copies;
}

async function read(context: BackendContext, file: string, found: Stats): Promise<Assignment[]> {
  // A FIFO would be waited for without end.
  if (!found.isFile()) throw failure('unavailable', `${shown(context, file)} is not a regular file.`);
  if (found.size > limitBytes) throw failure('unavailable', `${shown(context, file)} is too large for a .env file.`);
  let bytes: Buffer;
  try {
    bytes = await readFile(file);
  } catch {
    throw failure('unavailable', `${shown(context, file)} cannot be read.`);
  }
  try {
    return parseDotenv(bytes);
  } catch (error) {
    if (!(error instanceof ParseError)) throw error;
    throw failure('unavailable', `Line ${error.line} of ${shown(context, file)} ${error.message}.`, {
      why: 'No line of it is left out, because it may be a secret.',
    });
  } finally {
    bytes.fill(0);
  }
}

function resolvePath({environment, projectFolder}: BackendContext, file: string): string {
  return file.startsWith('~/') ? resolve(environment['HOME'] ?? '/', file.slice(2)) : resolve(projectFolder, file);
}

function shown({projectFolder}: BackendContext, file: string): string {
  return file.startsWith(projectFolder + sep) ? relative(projectFolder, file) : file;
}
