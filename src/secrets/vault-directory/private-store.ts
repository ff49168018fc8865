import {createHash, randomBytes} from 'node:crypto';
import {constants, lstatSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync} from 'node:fs';
import {join} from 'node:path';
import type {PrivateStore} from '../../contract/index.ts';
import {placeTaken} from '../failures.ts';
import {realFileOperations} from './file-operations.ts';
import type {BackendDefinition} from '../mapping/mapping.ts';

/** A private store, and what the core does with it besides. */
export type OwnedStore = PrivateStore & {
  /** True where the backend has put something there: it is logged in, most likely. */
  isUsed(): boolean;
  clear(): void;
};

/**
 * The folder of a backend in the vault, `.tazpod/backends/NAME-XXXXXXXX/`. The letters are of its type and of what its
 * session belongs to, which are its settings if the backend says nothing else: a `secrets.yml` that gives a known name
 * another server does not get that one's session.
 */
export function privateStore(mountPoint: string, definition: BackendDefinition, session?: string): OwnedStore {
  const parents = [join(mountPoint, '.tazpod'), join(mountPoint, '.tazpod/backends')];
  const folderOf = (digest: string) => join(parents[1]!, `${definition.name}-${digest.slice(0, 8)}`);
  const bySettings = folderOf(settingsDigest(definition));
  const folder = session === undefined ? bySettings : folderOf(settingsDigest({...definition, settings: {session}}));
  /** Older versions kept the session by the settings: it must stay in reach of a logout. */
  const adopt = () => {
    if (folder === bySettings || lstatSync(folder, {throwIfNoEntry: false}) !== undefined) return;
    if (lstatSync(bySettings, {throwIfNoEntry: false})?.isDirectory() === true) renameSync(bySettings, folder);
  };
  const file = (name: string) => {
    if (!/^[a-z0-9-]+$/.test(name)) throw new TypeError('a name in a private store is of a-z, 0-9 and "-"');
    return join(folder, name);
  };
  return {
    read: async (name) => {
      adopt();
      try {
        return readFileSync(file(name), {flag: constants.O_RDONLY | constants.O_NOFOLLOW});
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
        throw error;
      }
    },
    write: async (name, content) => {
      const path = file(name);
      adopt();
      for (const each of [...parents, folder]) makeOwnFolder(each);
      const next = join(folder, `.${randomBytes(6).toString('hex')}`);
      try {
        realFileOperations.writeFile(next, content, 0o600);
        realFileOperations.syncFile(next);
        realFileOperations.rename(next, path);
        realFileOperations.syncFolder(folder);
      } catch (error) {
        rmSync(next, {force: true});
        throw error;
      }
    },
    remove: async (name) => rmSync(file(name), {force: true}),
    isUsed: () => {
      try {
        adopt();
        return readdirSync(folder).some((name) => !name.startsWith('.'));
      } catch {
        return false;
      }
    },
    clear: () => rmSync(folder, {recursive: true, force: true}),
  };
}

/** A digest of what a backend is and of all its settings in any order. */
export function settingsDigest({type, settings}: BackendDefinition): string {
  return createHash('sha256')
    .update(canonicalJson([type, settings]))
    .digest('hex');
}

/** JSON with sorted keys. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, each: unknown) =>
    typeof each === 'object' && each !== null && !Array.isArray(each)
      ? Object.fromEntries(Object.entries(each).sort(([one], [other]) => (one < other ? -1 : 1)))
      : each,
  );
}

/** Makes a folder of TazPod's own in the vault. A link in its place, from a vault of somebody else, is refused. */
export function makeOwnFolder(path: string): void {
  const stat = lstatSync(path, {throwIfNoEntry: false});
  if (stat === undefined) mkdirSync(path, {mode: 0o700});
  else if (!stat.isDirectory()) {
    throw placeTaken(path);
  }
}
