import {type FSWatcher, watch} from 'node:fs';
import {dirname} from 'node:path';
import type {DeviceNumber} from '../engines/mounted-file-system.ts';
import {mountsAt, readMounts} from '../kernel/mountinfo.ts';

/** How often the kernel is asked even if nothing seems to happen. */
const intervalMs = 1000;

/** How long nobody listens after an event. */
const restMs = 10;

export type MountWatch = {
  /** Settles when the vault is no longer at its mount point. */
  readonly lost: Promise<unknown>;
  stop(): void;
};

/**
 * Watches that the vault stays where its session looks for it.
 *
 * The mount point lies in a home, and a process that may write there may rename or remove the directory: in a mount
 * namespace in which nothing is mounted on it nothing forbids that, and in this one the mount goes along or away
 * (`detach_mounts` in the kernel's fs/namespace.c). A directory made in its place would take what the session believes
 * to be writing into the vault.
 *
 * Safe as root: directories are watched and nothing in them is opened; the kernel's table decides. A process that makes
 * events faster than they are read would keep libuv reading without end, and this process from everything else; so the
 * first one ends the listening, and it begins again after a rest.
 */
export function watchMount(home: string, mountPoint: string, {major, minor}: DeviceNumber): MountWatch {
  const folders = foldersAbove(mountPoint, home);
  const {promise: lost, resolve} = Promise.withResolvers<unknown>();
  let watchers: FSWatcher[] = [];
  let rest: NodeJS.Timeout | undefined;
  const interval = setInterval(look, intervalMs);

  function look(): void {
    const mounts = mountsAt(readMounts('self'), mountPoint);
    if (mounts.some((mount) => mount.major === major && mount.minor === minor)) return;
    stop();
    resolve(undefined);
  }

  function listen(): void {
    watchers = folders.flatMap((folder) => {
      try {
        return watch(folder, onEvent).on('error', onEvent);
      } catch {
        // No watch is left, or the file system has none: then the interval has to do.
        return [];
      }
    });
    // What happened while nobody listened.
    look();
  }

  function onEvent(): void {
    deafen();
    rest = setTimeout(listen, restMs);
    look();
  }

  function deafen(): void {
    clearTimeout(rest);
    for (const watcher of watchers) watcher.close();
    watchers = [];
  }

  function stop(): void {
    clearInterval(interval);
    deafen();
  }

  listen();
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
