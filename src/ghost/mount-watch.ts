import {type FSWatcher, watch} from 'node:fs';
import {dirname} from 'node:path';
import type {DeviceNumber} from '../engines/mounted-file-system.ts';
import {mountsAt, readMounts} from '../kernel/mountinfo.ts';

/** How often the kernel is asked even if nothing seems to happen. */
const intervalMs = 1000;

export type MountWatch = {
  /** Settles when the vault is not at its mount point any more. */
  readonly lost: Promise<unknown>;
  stop(): void;
};

/**
 * Watches that the vault stays where its session looks for it.
 *
 * The mount point lies in a home, and whoever may write there may rename or remove the directory: in a mount namespace
 * in which nothing is mounted on it nothing forbids that, and in this one the mount goes along or away (`detach_mounts`
 * in the kernel's fs/namespace.c). A directory made in its place would take what the session believes to be writing
 * into the vault.
 *
 * Safe as root: directories are watched and nothing in them is opened; the kernel's table decides.
 */
export function watchMount(home: string, mountPoint: string, {major, minor}: DeviceNumber): MountWatch {
  const watchers: FSWatcher[] = [];
  const {promise: lost, resolve} = Promise.withResolvers<unknown>();
  const stop = () => {
    clearInterval(timer);
    for (const watcher of watchers) watcher.close();
  };
  const look = () => {
    const mounts = mountsAt(readMounts('self'), mountPoint);
    if (mounts.some((mount) => mount.major === major && mount.minor === minor)) return;
    stop();
    resolve(undefined);
  };
  const timer = setInterval(look, intervalMs);
  for (const folder of foldersAbove(mountPoint, home)) {
    try {
      watchers.push(watch(folder, look).on('error', look));
    } catch {
      // No watch is left, or the file system has none: then the interval has to do.
    }
  }
  look();
  return {lost, stop};
}

/** The directories in which a component of the path below the home can be renamed or removed. */
function foldersAbove(mountPoint: string, home: string): string[] {
  const folders: string[] = [];
  for (let folder = dirname(mountPoint); folder.startsWith(home); folder = dirname(folder)) {
    folders.push(folder);
    if (folder === home) break;
  }
  return folders;
}
