import {pollUntil} from '../foundation/poll.ts';
import {readMounts, type Mount} from '../kernel/mountinfo.ts';
import {run} from '../kernel/program.ts';
import {bareMount} from './bare-mount.ts';

/** A file system of a vault that is mounted, in one place or in several. */
export type MountedFileSystem = {
  /** Who reads ext4: the kernel, or fuse2fs in user space. */
  readonly driver: 'kernel' | 'fuse2fs';
  /** Settles when the driver has ended, asked or not. The kernel's ends with its last mount, in any namespace. */
  readonly ended: Promise<void>;
  /** Settles if a driver in user space found that something that was written is not on the image. */
  readonly lost: Promise<void>;
  /** Settles if the driver keeps what was written in memory, and nobody flushes it, or no longer. */
  readonly unflushed: Promise<void>;
  /**
   * Unmounts it wherever it is mounted in this mount namespace, and waits until everything is written and the block
   * device below is free. Throws a Failure (75) when it is still in use after that time.
   */
  unmount(patience?: UnmountPatience): Promise<void>;
};

/** How long is waited for what, in milliseconds; not at all when it is not said. */
export type UnmountPatience = {
  /** For the last of it to be written by a driver that says no more than that it has ended. */
  readonly graceMs?: number;
  /** For who has it open. Default: `graceMs`. */
  readonly busyMs?: number;
};

/** What all mounts of one file system have in common. */
export type DeviceNumber = {readonly major: number; readonly minor: number};

/**
 * Unmounts every mount of a file system in this namespace, those on others first, until none is left or the time is
 * over. Says whether none is left.
 *
 * Safe as root: it takes the paths from the kernel's own table. A path through a user's directories may lead elsewhere the
 * next moment, but not out of this namespace, where every mount but the machine's is the vault's.
 */
export function unmountEverywhere(device: DeviceNumber, withinMs: number): Promise<boolean> {
  return pollUntil(async () => {
    for (const {mountPoint} of mountsOf(device).toReversed()) await run('umount', [...bareMount, mountPoint]);
    return mountsOf(device).length === 0;
  }, withinMs);
}

function mountsOf({major, minor}: DeviceNumber): Mount[] {
  return readMounts('self').filter((mount) => mount.major === major && mount.minor === minor);
}
