import {existsSync, mkdirSync, realpathSync, statSync} from 'node:fs';
import {basename, dirname, isAbsolute, join, resolve} from 'node:path';
import {isBelow} from '../foundation/path-within.ts';
import {findOwnHome} from '../config/own-home.ts';
import {refuseInexactFolder} from './exact-words.ts';
import {mountPointIsFile, mountPointNotCreated, mountPointOutsideHome, noWorkingDirectory} from './failures.ts';

/** Where a vault's image and its mount point are, with the user's own symbolic links resolved. */
export type VaultLocation = {readonly image: string; readonly mountPoint: string; readonly home: string};

/** Where an image is looked for in a folder; the first is where a new one is made. */
const imagePaths = ['.tazpod-vault/vault.img', '.tazpod/vault/vault.img'];

/**
 * The image of the vault that is meant: the one that was named, else the nearest one from the working folder upwards,
 * else the place in the working folder where one would be made. The ghost follows no symbolic link, so the user's own
 * are resolved here.
 */
export function locateImage(named: string | undefined, from?: string): string {
  // A user who names the whole path may be in any directory.
  if (named !== undefined && isAbsolute(named)) return resolveLinks(resolve(named));
  const workingFolder = from ?? currentFolder();
  if (named !== undefined) return resolveLinks(resolve(workingFolder, named));
  for (let folder = workingFolder; ; folder = dirname(folder)) {
    const found = imagePaths.map((path) => join(folder, path)).find((path) => existsSync(path));
    if (found !== undefined) return resolveLinks(found);
    if (folder === dirname(folder)) return resolveLinks(join(workingFolder, imagePaths[0]!));
  }
}

/** `~/secrets`; undefined for a user who has no home. */
export function defaultMountPoint(): string | undefined {
  try {
    return join(findOwnHome().home, 'secrets');
  } catch {
    return undefined;
  }
}

/** Makes the mount point where it is missing, private and empty, and resolves the user's own links to it. */
export function prepareMountPoint(named: string | undefined, home: string): string {
  const path = named ?? join(home, 'secrets');
  const mountPoint = requireMountPoint(isAbsolute(path) ? path : resolve(currentFolder(), path), home);
  try {
    mkdirSync(mountPoint, {mode: 0o700, recursive: true});
  } catch (error) {
    throw mountPointNotCreated(mountPoint, error);
  }
  if (!statSync(mountPoint).isDirectory()) {
    throw mountPointIsFile(mountPoint);
  }
  return mountPoint;
}

/** An absolute path without links. Throws a Failure (77) unless it is below the home. */
export function requireMountPoint(path: string, home: string): string {
  const mountPoint = resolveLinks(path);
  if (!isBelow(mountPoint, home)) throw mountPointOutsideHome(mountPoint, home);
  return mountPoint;
}

/** The working folder. Throws a Failure: 66 where it was removed under the shell, 64 where its name is not UTF-8. */
export function currentFolder(): string {
  let folder: string;
  try {
    folder = process.cwd();
  } catch (cause) {
    throw noWorkingDirectory(cause);
  }
  refuseInexactFolder(folder);
  return folder;
}

/** Resolves the links of a path whose last components may not be there yet. */
export function resolveLinks(path: string): string {
  if (existsSync(path) || path === '/') return realpathSync(path);
  return join(resolveLinks(dirname(path)), basename(path));
}
