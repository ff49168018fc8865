import {lstatSync, mkdirSync, readFileSync} from 'node:fs';
import {dirname, join} from 'node:path';
import {findProjectConfig} from '../config/discover.ts';
import {readText} from '../config/read-text.ts';
import {removeAbandoned} from '../foundation/atomic-file.ts';
import {type EditorSchemaName, editorSchema, editorSchemaNames, madeByTazPod} from './editor-schemas.ts';
import {directoryNotCreated} from './failures.ts';
import {vaultLine, withVaultIgnored} from './git-ignore.ts';
import {configTemplate, secretsTemplate} from './templates.ts';
import {makeWholeFile, replaceWholeFile} from './whole-file.ts';

/** The `result` of `init --json`. */
export type InitResult = {
  /** The project's folder, absolute. */
  readonly folder: string;
  readonly files: readonly InitFile[];
};

/** What became of one file. */
export type InitFile = {
  /** Relative to the folder. */
  readonly path: string;
  /** `made`: it is new. `changed`: a line was added, or TazPod's own file written again. `left`: it was there. */
  readonly state: 'made' | 'changed' | 'left';
  /** What there is to know. */
  readonly note?: string;
};

/**
 * Makes a folder a project of TazPod's: its files, each whole or not there, none over another one. Can be called again,
 * and does then what is still to be done. The `.gitignore` comes first, and also where there is no git yet: what was
 * once committed stays in a repository.
 */
export function initProject(folder: string): InitResult {
  const own = join(folder, '.tazpod');
  makeFolder(own);
  for (const each of [folder, own]) removeAbandoned(each);
  return {
    folder,
    files: [
      ignoreVault(folder),
      ...editorSchemaNames.map((name) => keepSchema(folder, name)),
      makeFile(folder, '.tazpod/config.yaml', configTemplate),
      makeFile(folder, 'secrets.yml', secretsTemplate),
    ],
  };
}

/** The project above a folder, which one in the folder takes the place of. */
export function projectAbove(folder: string, uid: number): string | undefined {
  if (folder === dirname(folder)) return undefined;
  const above = findProjectConfig(dirname(folder), uid);
  return above.state === 'found' ? dirname(dirname(above.path)) : undefined;
}

/** What was done, for people. */
export function renderInit({files}: InitResult): string {
  return files
    .map(({path, state, note}) => `${state.padEnd(8)} ${path}${note === undefined ? '' : `: ${note}`}`)
    .join('\n');
}

function makeFile(folder: string, path: string, content: string): InitFile {
  if (kindOf(join(folder, path)) !== 'nothing' || !makeWholeFile(join(folder, path), content)) {
    return {path, state: 'left'};
  }
  return {path, state: 'made'};
}

function ignoreVault(folder: string): InitFile {
  const path = '.gitignore';
  const whole = join(folder, path);
  const kind = kindOf(whole);
  if (kind === 'other') return {path, state: 'left', note: `it is not a regular file; add ${vaultLine} to it`};
  if (kind === 'nothing') return makeFile(folder, path, `${vaultLine}\n`);
  // Latin-1 has a character for each byte, so that all of it stays as it is.
  const content = readFileSync(whole, 'latin1');
  const changed = withVaultIgnored(content);
  if (changed === undefined) return {path, state: 'left'};
  replaceWholeFile(whole, Buffer.from(changed, 'latin1'), lstatSync(whole).mode);
  return {path, state: 'changed', note: `${vaultLine} was added`};
}

function keepSchema(folder: string, name: EditorSchemaName): InitFile {
  const path = `.tazpod/${name}.schema.json`;
  const whole = join(folder, path);
  const content = `${JSON.stringify(editorSchema(name), undefined, 2)}\n`;
  const kind = kindOf(whole);
  if (kind === 'nothing') return makeFile(folder, path, content);
  const there = kind === 'file' ? readText(whole) : undefined;
  if (there === content || !there?.includes(JSON.stringify(madeByTazPod))) return {path, state: 'left'};
  replaceWholeFile(whole, Buffer.from(content), lstatSync(whole).mode);
  return {path, state: 'changed', note: 'it is now the one of this TazPod version'};
}

function makeFolder(path: string): void {
  try {
    mkdirSync(path);
  } catch (cause) {
    const {code} = cause as NodeJS.ErrnoException;
    if (code === 'EEXIST' && kindOf(path) === 'folder') return;
    throw directoryNotCreated(path, code, cause);
  }
}

/** What there is under a name. A symbolic link is something other, wherever it leads. */
function kindOf(path: string): 'nothing' | 'file' | 'folder' | 'other' {
  const stat = lstatSync(path, {throwIfNoEntry: false});
  if (stat === undefined) return 'nothing';
  return stat.isFile() ? 'file' : stat.isDirectory() ? 'folder' : 'other';
}
