import {mkdirSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {replaceAtomically} from '../foundation/atomic-file.ts';
import {printable} from '../foundation/printable.ts';
import {Failure} from '../foundation/failure.ts';
import {folderLocked, folderNotTrusted, folderNotWritable, notJson} from './failures.ts';
import {distrust, type InstalledEntry, readEntries, readJson} from './installed-packages.ts';

/** The package.json of the folder in which plugins are installed. oclif's form. */
type DataPackage = {
  readonly name?: string;
  readonly private?: boolean;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly oclif?: {readonly schema?: number; readonly plugins?: readonly InstalledEntry[]};
};

/** In the folder as long as a process changes something there; its content is the process id. */
const lockName = '.lock';

/**
 * Makes the folder in which plugins are installed if it does not exist, and keeps others from changing it: npm does not
 * expect another npm beside it. Returns what lets them again. A lock of a process that has ended is no lock.
 *
 * Throws a Failure: 75 where another process is at work, 77 where the folder is somebody else's: what root would install
 * there, its owner could exchange.
 */
export function lockDataFolder(folder: string): () => void {
  const lock = join(folder, lockName);
  try {
    mkdirSync(folder, {recursive: true, mode: 0o700});
    const why = distrust(folder, process.geteuid!());
    if (why !== undefined) throw folderNotTrusted(shown(folder), why);
    const other = lockedBy(lock);
    if (other !== undefined) {
      throw folderLocked(other);
    }
    writeFileSync(lock, String(process.pid), {flag: 'wx'});
  } catch (error) {
    if (error instanceof Failure) throw error;
    throw folderNotWritable(shown(folder), error);
  }
  return () => rmSync(lock, {force: true});
}

/** The process that holds a lock. One that has ended is removed. */
function lockedBy(lock: string): number | undefined {
  let pid: number;
  try {
    pid = Number(readFileSync(lock, 'utf8'));
  } catch {
    return undefined;
  }
  try {
    if (pid > 0) process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') pid = 0;
  }
  if (pid > 0) return pid;
  rmSync(lock, {force: true});
  return undefined;
}

/** Sees to it that the folder has a package.json of oclif's form. Throws a Failure (78) for one that is no JSON. */
export function prepareDataFolder(folder: string): void {
  if (read(folder) === undefined) write(folder, {private: true, dependencies: {}, oclif: {schema: 1, plugins: []}});
}

/** What npm installed for a package: a version, `file:…`. Undefined for what is not installed. */
export function dependencyOf(folder: string, name: string): string | undefined {
  return read(folder)?.dependencies?.[name];
}

/** Notes a plugin, in place of one of the same name, or of the same linked folder. */
export function noteEntry(folder: string, entry: InstalledEntry): void {
  const others = readEntries(folder).filter(
    ({name, type, root}) => name !== entry.name && !(type === 'link' && root !== undefined && root === entry.root),
  );
  writeEntries(folder, [...others, entry]);
}

export function forgetEntry(folder: string, name: string): void {
  writeEntries(
    folder,
    readEntries(folder).filter((entry) => entry.name !== name),
  );
}

function writeEntries(folder: string, plugins: readonly InstalledEntry[]): void {
  const pjson = read(folder) ?? {private: true};
  write(folder, {...pjson, oclif: {schema: 1, ...pjson.oclif, plugins}});
}

function read(folder: string): DataPackage | undefined {
  try {
    return readJson(join(folder, 'package.json')) as DataPackage | undefined;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw notJson(shown(join(folder, 'package.json')));
  }
}

/** Whole or not at all: the next command reads it. */
function write(folder: string, pjson: DataPackage): void {
  const text = `${JSON.stringify({name: 'tazpod', ...pjson}, undefined, 2)}\n`;
  replaceAtomically(join(folder, 'package.json'), text);
}

function shown(path: string): string {
  return printable(path, 4096);
}
