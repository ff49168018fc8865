import {run} from '../kernel/program.ts';
import {bareMount} from './bare-mount.ts';
import type {AttachedDevice} from './engine.ts';
import {noMountHere, notMoved} from './failures.ts';
import {mountByFuse2fs, refuseFuse2fs} from './fuse2fs-driver.ts';
import {mountByKernel} from './kernel-driver.ts';
import type {MountedFileSystem} from './mounted-file-system.ts';

export {checkFileSystem, makeFileSystem} from './ext4.ts';
export type {MountedFileSystem} from './mounted-file-system.ts';

/**
 * Mounts the file system of a device, checked before, on a directory that no untrusted user can reach: by the kernel
 * where it can, else by fuse2fs. Throws a Failure: 65 when the file system is at fault, 69 when the machine is.
 */
export async function mountFileSystem(device: AttachedDevice, folder: string): Promise<MountedFileSystem> {
  const mounted = await mountByAny(device, folder);
  await device.followImage();
  return mounted;
}

async function mountByAny(device: AttachedDevice, folder: string): Promise<MountedFileSystem> {
  const byKernel = await mountByKernel(device, folder);
  if (typeof byKernel !== 'string') return byKernel;
  const notFuse2fs = refuseFuse2fs();
  if (notFuse2fs === undefined) return mountByFuse2fs(device, folder);
  throw noMountHere(byKernel, notFuse2fs);
}

/**
 * Moves a mount from the directory where it was made to a directory that is open as `targetFd`.
 *
 * Safe as root: the directory is the one that was opened and examined, even if its name leads elsewhere by now. It is
 * named by the working directory of mount(8), with "." as target, and there are no options: to set those, mount(8) would
 * name "." again, and mean the directory under the new mount.
 */
export async function moveMount(folder: string, targetFd: number): Promise<void> {
  const {code, stderr} = await run('mount', [...bareMount, '--move', folder, '.'], {cwd: `/proc/self/fd/${targetFd}`});
  if (code === 0) return;
  throw notMoved(stderr);
}
