import {constants, lstatSync, readdirSync, readFileSync, renameSync, rmSync} from 'node:fs';
import {dirname, join} from 'node:path';
import type {PrivateStore} from '../../contract/index.ts';
import {makeOwnFolder, replaceOwnFile} from './own-files.ts';

/** A private store, and what the core does with it besides. */
export type OwnedStore = PrivateStore & {
  /** True where the backend has put something there: it is logged in, most likely. */
  isUsed(): boolean;
  clear(): void;
};

/**
 * The folder `.tazpod/backends/NAME` of a backend in the vault. One under an older name is renamed: what is in it must
 * stay in reach of a logout.
 */
export function privateStore(mountPoint: string, name: string, olderName: string): OwnedStore {
  const parent = join(mountPoint, '.tazpod/backends');
  const [folder, older] = [join(parent, name), join(parent, olderName)];
  const adopt = () => {
    if (folder === older || lstatSync(folder, {throwIfNoEntry: false}) !== undefined) return;
    if (lstatSync(older, {throwIfNoEntry: false})?.isDirectory() === true) renameSync(older, folder);
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
      for (const each of [dirname(parent), parent, folder]) makeOwnFolder(each);
      replaceOwnFile(path, content);
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
