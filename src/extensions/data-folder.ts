import {mkdirSync, readFileSync, renameSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {printable} from '../config/printable.ts';
import {exitCode} from '../lifecycle/exit-code.ts';
import {Failure} from '../lifecycle/failure.ts';
import {distrust, type InstalledEntry, readEntries} from './installed-packages.ts';

/** The package.json of the folder in which plugins are installed. oclif's form. */
type DataPackage = {
  readonly name?: string;
  readonly private?: boolean;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly oclif?: {readonly schema?: number; readonly plugins?: readonly InstalledEntry[]};
};

/**
 * Makes the folder in which plugins are installed where there is none. Throws a Failure (77) where it is somebody
 * else's: what root would install there, its owner could exchange.
 */
export function prepareDataFolder(folder: string): void {
  try {
    mkdirSync(folder, {recursive: true, mode: 0o700});
    const why = distrust(folder, process.geteuid!());
    if (why !== undefined) throw new Failure(exitCode.noPermission, `${shown(folder)} is not used.`, {why: `${why}.`});
    if (read(folder) === undefined) write(folder, {private: true, dependencies: {}, oclif: {schema: 1, plugins: []}});
  } catch (error) {
    if (error instanceof Failure) throw error;
    const why = `The kernel answered ${(error as NodeJS.ErrnoException).code ?? 'with an error'}.`;
    throw new Failure(exitCode.cannotCreate, `Plugins cannot be installed in ${shown(folder)}.`, {why, cause: error});
  }
}

/** What npm was told to install for a package: a version, `file:…`. Undefined for what is not installed. */
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
    return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as DataPackage;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    if (!(error instanceof SyntaxError)) throw error;
    throw new Failure(exitCode.config, `${shown(join(folder, 'package.json'))} is not JSON.`, {
      next: 'tazpod plugins:reset --hard',
    });
  }
}

/** Whole or not at all: the next command reads it. */
function write(folder: string, pjson: DataPackage): void {
  const path = join(folder, 'package.json');
  writeFileSync(`${path}.${process.pid}`, `${JSON.stringify({name: 'tazpod', ...pjson}, undefined, 2)}\n`);
  renameSync(`${path}.${process.pid}`, path);
}

function shown(path: string): string {
  return printable(path, 4096);
}
