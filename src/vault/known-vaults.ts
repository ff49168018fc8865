import {mkdirSync, readdirSync, readFileSync, rmSync} from 'node:fs';
import {dirname, join} from 'node:path';
import {lookAt} from '../config/discover.ts';
import {userConfigFolder} from '../config/own-home.ts';
import {createAtomically, removeAbandoned, syncFolder} from '../foundation/atomic-file.ts';
import {isObject} from '../foundation/shape.ts';
import {noSuchVault, notANameOfVault, recordDistrusted, recordInvalid, vaultNameTaken} from './failures.ts';

/** A vault that its user gave a name to. Paths are absolute, without links. */
export type KnownVault = {
  readonly name: string;
  readonly image: string;
  /** Absent: what the configuration says. */
  readonly mountPoint?: string;
};

/**
 * The vaults with names, in the order of the names. Each is a file of its own in `vaults/` beside the user's
 * `config.yaml`, so that two commands that add at the same time do not meet. A file that somebody else could have
 * written, and one that is not such a record, is left out and told to `remark`.
 */
export function knownVaults(remark: (text: string) => void = () => {}): KnownVault[] {
  return recordNames().flatMap((name) => {
    try {
      return findKnownVault(name) ?? [];
    } catch (error) {
      remark((error as Error).message);
      return [];
    }
  });
}

/** The vault of that name. Throws a Failure (64, 66 or 78). */
export function knownVault(name: string): KnownVault {
  const found = findKnownVault(requireName(name));
  if (found === undefined) throw noSuchVault(name, recordNames());
  return found;
}

/** The vault with a name whose image this is. */
export function knownByImage(image: string): KnownVault | undefined {
  return knownVaults().find((vault) => vault.image === image);
}

/** Keeps the name, and returns false where it is kept already. Throws a Failure (64, or 73 if it is another vault's). */
export function addKnownVault(vault: KnownVault): boolean {
  const {image, mountPoint} = vault;
  const path = recordPath(requireName(vault.name));
  mkdirSync(dirname(path), {recursive: true, mode: 0o700});
  removeAbandoned(dirname(path));
  const record = {image, ...(mountPoint === undefined ? {} : {'mount-point': mountPoint})};
  if (createAtomically(path, `${JSON.stringify(record, undefined, 2)}\n`)) return true;
  const there = knownVault(vault.name);
  if (there.image !== image || there.mountPoint !== mountPoint)
    throw vaultNameTaken(there.name, there.image, there.mountPoint);
  return false;
}

/** Forgets the name; the image stays. Throws a Failure (64 or 66). */
export function forgetKnownVault(name: string): void {
  const path = recordPath(requireName(name));
  try {
    rmSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    throw noSuchVault(name, recordNames());
  }
  syncFolder(dirname(path));
}

/** A name that no shell, no file system and no option parser takes for something else. */
const namePattern = /^[a-z\d][a-z\d._-]{0,63}$/i;

function requireName(name: string): string {
  if (!namePattern.test(name)) throw notANameOfVault(name);
  return name;
}

function recordsFolder(): string {
  return join(userConfigFolder(), 'vaults');
}

function recordPath(name: string): string {
  return join(recordsFolder(), `${name}.json`);
}

/** The names that there are files for; none for who has no home. */
function recordNames(): string[] {
  let files: string[];
  try {
    files = readdirSync(recordsFolder());
  } catch {
    return [];
  }
  return files
    .flatMap((file) => (file.endsWith('.json') ? file.slice(0, -'.json'.length) : []))
    .filter((name) => namePattern.test(name))
    .sort();
}

function findKnownVault(name: string): KnownVault | undefined {
  const path = recordPath(name);
  const found = lookAt(path, process.getuid!());
  if (found.state === 'absent') return undefined;
  if (found.state === 'distrusted') throw recordDistrusted(found.why);
  const record = parseRecord(readFileSync(path, 'utf8'));
  if (record === undefined) throw recordInvalid(path, name);
  return {name, ...record};
}

function parseRecord(text: string): Omit<KnownVault, 'name'> | undefined {
  let record: unknown;
  try {
    record = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (!isObject(record)) return undefined;
  const {image, 'mount-point': mountPoint} = record;
  if (!isPath(image) || (mountPoint !== undefined && !isPath(mountPoint))) return undefined;
  return {image, ...(mountPoint === undefined ? {} : {mountPoint})};
}

function isPath(value: unknown): value is string {
  return typeof value === 'string' && value.startsWith('/') && !value.includes('\0');
}
