import {readFileSync, realpathSync, statSync} from 'node:fs';
import {dirname, join, relative} from 'node:path';
import type {Interfaces} from '@oclif/core';
import {printable} from '../foundation/printable.ts';

/** A package that is installed or linked as a plugin, as its package.json tells it. None of its code has run. */
export type InstalledPackage = {
  readonly name: string;
  readonly version: string;
  /** The package's folder, absolute, links resolved. */
  readonly root: string;
  readonly type: 'user' | 'link';
  /** What was asked for: `latest`, a range. */
  readonly tag?: string;
  /** The name of the pack that brings it. */
  readonly parent?: string;
  readonly pjson: Interfaces.PJSON;
};

/** One of `oclif.plugins` in the package.json of the data folder. */
export type InstalledEntry = {
  readonly name: string;
  readonly type: 'user' | 'link';
  readonly tag?: string;
  readonly url?: string;
  /** Of a linked folder. */
  readonly root?: string;
};

/**
 * The plugins of a data folder: those that were installed, then those that packs bring. What cannot be used is left out, and a sentence
 * says so. A plugin that has the name of a core package is never among them.
 *
 * @param only these, and what they bring; absent: those that are noted in the folder
 */
export function readInstalledPackages(
  dataFolder: string,
  coreNames: ReadonlySet<string>,
  only?: readonly InstalledEntry[],
): {packages: InstalledPackage[]; problems: string[]} {
  const packages = new Map<string, InstalledPackage>();
  const problems: string[] = [];
  let entries: readonly InstalledEntry[];
  try {
    entries = only ?? readEntries(dataFolder);
  } catch {
    return {packages: [], problems: [`${printable(join(dataFolder, 'package.json'), 4096)} cannot be read.`]};
  }
  const add = (entry: InstalledEntry, root: string | undefined, parent?: string) => {
    if (packages.has(entry.name)) return;
    const found = root === undefined ? 'it does not exist' : readPackage(entry, root, coreNames, parent);
    if (typeof found === 'string') problems.push(`The plugin ${printable(entry.name, 214)} is ignored: ${found}.`);
    else packages.set(found.name, found);
  };
  for (const entry of entries) {
    add(entry, entry.type === 'link' ? entry.root : join(dataFolder, 'node_modules', entry.name));
  }
  // The map grows while it is gone through: packs may bring packs. What was installed by itself stays so.
  for (const {name: parent, root, type, pjson} of packages.values()) {
    for (const name of childrenOf(pjson)) add({name, type}, findUpwards(root, name), parent);
  }
  return {packages: [...packages.values()], problems};
}

/** Throws where there is a file that is not what oclif writes. */
export function readEntries(dataFolder: string): InstalledEntry[] {
  const pjson = readJson(join(dataFolder, 'package.json')) as
    {oclif?: {plugins?: (InstalledEntry | string)[]}} | undefined;
  return (pjson?.oclif?.plugins ?? []).map((entry) =>
    typeof entry === 'string' ? {name: entry, type: 'user', tag: 'latest'} : entry,
  );
}

/** The package.json in a folder as a plugin's; a string says why it cannot be one. Without a name, any name will do. */
export function readPackage(
  entry: Pick<InstalledEntry, 'type' | 'tag'> & {readonly name?: string},
  folder: string,
  coreNames: ReadonlySet<string>,
  parent?: string,
): InstalledPackage | string {
  let root: string;
  let pjson: Interfaces.PJSON | undefined;
  try {
    root = realpathSync(folder);
    pjson = readJson(join(root, 'package.json')) as Interfaces.PJSON | undefined;
  } catch {
    return 'its package.json cannot be read';
  }
  if (pjson === undefined) return 'it has no package.json';
  const {name, version, oclif} = pjson;
  if (typeof name !== 'string' || typeof version !== 'string') return 'its package.json has no name and version';
  if (coreNames.has(name)) return `it has the name of ${printable(name, 214)}, which is part of TazPod`;
  if (entry.name !== undefined && name !== entry.name) return `its package.json calls it ${printable(name, 214)}`;
  // Without one, oclif would look for it in JavaScript files of the package, and run them.
  if (typeof oclif !== 'object') return 'its package.json has no "oclif" section, so it is not a plugin';
  return {
    name,
    version,
    root,
    type: entry.type,
    pjson,
    ...(entry.tag === undefined ? {} : {tag: entry.tag}),
    ...(parent === undefined ? {} : {parent}),
  };
}

/** What a pack brings: those of its dependencies that stand in its `oclif.plugins`. */
export function childrenOf({dependencies = {}, oclif}: Interfaces.PJSON): string[] {
  const listed: unknown = oclif.plugins ?? [];
  return Array.isArray(listed) ? listed.filter((name) => Object.hasOwn(dependencies, String(name))).map(String) : [];
}

/**
 * The integrity that npm has noted for an installed package: that of the archive which it was unpacked from. Undefined
 * for what npm has not unpacked there.
 */
export function installedIntegrity(dataFolder: string, root: string): string | undefined {
  return readLock(dataFolder)[relative(realpathSync(dataFolder), root)]?.integrity;
}

/** The names of those packages, told by their folders, that would run scripts when they are installed. */
export function withInstallScripts(dataFolder: string, folders: ReadonlySet<string>): string[] {
  return Object.entries(readLock(dataFolder)).flatMap(([path, {hasInstallScript}]) => {
    const scripted = hasInstallScript === true && folders.has(join(realpathSync(dataFolder), path));
    return scripted ? [path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length)] : [];
  });
}

type Lock = Readonly<Record<string, {readonly integrity?: string; readonly hasInstallScript?: boolean}>>;

/** What npm has noted about what it has installed, by the folders of packages. */
function readLock(dataFolder: string): Lock {
  try {
    const lock = readJson(join(dataFolder, 'node_modules/.package-lock.json')) as {packages?: Lock} | undefined;
    return lock?.packages ?? {};
  } catch {
    return {};
  }
}

/**
 * Why nothing of a folder may be loaded: it belongs to somebody else, or others may write it, and what lies there is
 * code that would run as this user. Undefined where it may.
 */
export function distrust(folder: string, uid: number): string | undefined {
  const stat = statSync(folder, {throwIfNoEntry: false});
  if (stat === undefined) return undefined;
  if (stat.uid !== uid) return 'it belongs to another user';
  return (stat.mode & 0o002) === 0 ? undefined : 'everybody can write to it';
}

/** Node's own way: node_modules of the folder and of each folder above it. */
function findUpwards(from: string, name: string): string | undefined {
  for (let folder = from; ; folder = dirname(folder)) {
    const candidate = join(folder, 'node_modules', name);
    if (statSync(candidate, {throwIfNoEntry: false})?.isDirectory()) return candidate;
    if (folder === dirname(folder)) return undefined;
  }
}

/** What a JSON file holds, or undefined if the file does not exist. */
export function readJson(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
