import {isAbsolute, relative} from 'node:path';
import type {BackendContext} from 'tazpod/contract';
import {type Reader, readers as allReaders} from './readers.ts';

/** A file as `secrets.yml` names it. */
export type WantedFile = {readonly file: string; readonly optional: boolean};

type Settings = BackendContext['settings'];

const known = ['file', 'files', 'readers'];

/** What is wrong with the settings, a sentence each. */
export function checkSettings(settings: Settings): readonly string[] {
  const strange = Object.keys(settings).filter((key) => !known.includes(key));
  const faults = strange.map((key) => `${JSON.stringify(key)} is not a setting of this backend.`);
  if (settings['file'] !== undefined && settings['files'] !== undefined)
    faults.push('file and files are the same setting.');
  const files: readonly unknown[] = listed(settings);
  if (files.length === 0 || !files.every(isFile)) {
    faults.push('files must be a path, or a list of paths and of {file: PATH, optional: true}; default .env.');
  }
  const {readers} = settings;
  const usable =
    readers === undefined ||
    (Array.isArray(readers) && readers.length > 0 && readers.every((each) => allReaders.includes(each as Reader)));
  return usable ? faults : [...faults, `readers must be a list of these: ${allReaders.join(', ')}.`];
}

/** The settings say that something is read outside of the project. */
export function needsTrust(settings: Settings): readonly string[] {
  return filesOf(settings)
    .map(({file}) => file)
    .filter((file) => isAbsolute(file) || file.startsWith('~') || relative('.', file).startsWith('..'))
    .map((file) => `reads ${file}, outside of the project`);
}

export function filesOf(settings: Settings): readonly WantedFile[] {
  return listed(settings).map((each) =>
    typeof each === 'string' ? {file: each, optional: false} : {optional: false, ...(each as {file: string})},
  );
}

/** Those that have to agree on every value. */
export function readersOf({readers = allReaders}: Settings): readonly Reader[] {
  return readers as readonly Reader[];
}

function listed({file, files = file ?? '.env'}: Settings): readonly unknown[] {
  return Array.isArray(files) ? files : [files];
}

function isFile(given: unknown): boolean {
  if (typeof given === 'string') return given !== '' && !given.includes('\0');
  if (typeof given !== 'object' || given === null) return false;
  const {file, optional = false, ...rest} = given as {file?: unknown; optional?: unknown};
  return typeof file === 'string' && isFile(file) && typeof optional === 'boolean' && Object.keys(rest).length === 0;
}
