import {type FileOperations, realFileOperations} from '../../../src/secrets/vault-directory/file-operations.ts';

/** Thrown into a process that would be dead: nothing that it does about it reaches the disk. */
export class Killed extends Error {}

/** Counts operations, and from one on does something else. */
export type FaultyDisk = FileOperations & {readonly count: () => number};

/** A disk that obeys until the n-th operation; what is written then is written half. */
export function killedAt(point: number): FaultyDisk {
  let dead = false;
  return wrapOperations((index, act, half) => {
    if (dead) throw new Killed();
    if (index !== point) return act();
    dead = true;
    half();
    throw new Killed();
  });
}

/** A disk that is full from the n-th operation on, for everything that makes something. */
export function fullFrom(point: number): FaultyDisk {
  return wrapOperations((index, act, half, makes) => {
    if (index < point || !makes) return act();
    half();
    throw Object.assign(new Error('ENOSPC: no space left on device'), {code: 'ENOSPC'});
  });
}

/** A disk of which one operation fails, and goes on. */
export function failingAt(point: number): FaultyDisk {
  return wrapOperations((index, act) => {
    if (index === point) throw Object.assign(new Error('EIO: i/o error'), {code: 'EIO'});
    act();
  });
}

export type Judge = (index: number, act: () => void, half: () => void, makes: boolean) => void;

/** The real operations, each of which a judge carries out, does half, or not at all. */
export function wrapOperations(judge: Judge): FaultyDisk {
  let count = 0;
  const {makeFolder, writeFile, syncFile, syncFolder, makeLink, rename, removeFile, removeFolder} = realFileOperations;
  const nothing = () => {};
  const wrap =
    <A extends unknown[]>(act: (...args: A) => void, makes: boolean, half: (...args: A) => void = nothing) =>
    (...args: A) =>
      judge(
        count++,
        () => act(...args),
        () => half(...args),
        makes,
      );
  return {
    makeFolder: wrap(makeFolder, true),
    writeFile: wrap(writeFile, true, (path, bytes, mode) => writeFile(path, bytes.subarray(0, bytes.length / 2), mode)),
    syncFile: wrap(syncFile, false),
    syncFolder: wrap(syncFolder, false),
    makeLink: wrap(makeLink, true),
    rename: wrap(rename, false),
    removeFile: wrap(removeFile, false),
    removeFolder: wrap(removeFolder, false),
    count: () => count,
  };
}
