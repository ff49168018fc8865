import {release} from 'node:os';
import {pollUntil} from '../foundation/poll.ts';
import {readKernelText} from '../kernel/kernel-file.ts';
import {findKernelModule} from '../kernel/kernel-module.ts';
import {readLoopDevices} from '../kernel/loop.ts';
import {mountsAt, readMounts} from '../kernel/mountinfo.ts';
import {isInitialUserNamespace} from '../kernel/namespaces.ts';
import {run} from '../kernel/program.ts';
import {bareMount} from './bare-mount.ts';
import type {AttachedDevice} from './engine.ts';
import {has, newerThan, type Version} from './ext4-features.ts';
import {kernelDidNotMount, needsNewer, stillInUse} from './failures.ts';
import {hasLegacyMemoryLimit} from './legacy-memory-limit.ts';
import {hasLoopDevices, prepareFreeLoop} from './loop-nodes.ts';
import {
  unmountEverywhere,
  type DeviceNumber,
  type MountedFileSystem,
  type UnmountPatience,
} from './mounted-file-system.ts';
import {readVettedSuperblock, type VettedSuperblock} from './vet-superblock.ts';

/** The major number of loop devices. */
const loopMajor = 7;

/**
 * Every option that a superblock could ask for is set here, so that it has nothing to say: a vetted one asks for none
 * of them, and the mounting process decides.
 */
function mountOptions({features}: VettedSuperblock, readOnly: boolean): string {
  const options = 'nosuid,nodev,noatime,errors=remount-ro,barrier,delalloc,nodiscard,block_validity';
  // The journal is not replayed: the check has refused one in which there is something.
  if (readOnly) return `${options},ro,noload`;
  // Without a journal the kernel knows no data=.
  return has(features, 'has_journal') ? `${options},data=ordered` : options;
}

/** Why the kernel cannot mount ext4 from such a device, as a clause; undefined when it can. */
function refuseKernelDriver(kind: AttachedDevice['kind']): string | undefined {
  if (process.getuid!() !== 0 || isInitialUserNamespace() === false) return 'only root can let the kernel mount ext4';
  const known = /\text4$/m.test(readKernelText('/proc/filesystems') ?? '') || findKernelModule('ext4') !== undefined;
  if (!known) return 'this kernel has no ext4';
  if (kind === 'device') return undefined;
  if (!hasLoopDevices()) return 'there are no loop devices here';
  if (hasLegacyMemoryLimit())
    return 'the control group (version 1) limits memory in a way that could block it permanently';
  return undefined;
}

/**
 * Lets the kernel mount the ext4 of a device on `folder`. Returns a clause that says why it cannot where that has
 * nothing to do with the vault; throws a Failure (65) where it has.
 *
 * A file goes through a loop device that mount(8) marks for autoclear as it makes it: no matter which process is killed
 * and when, the kernel takes it away with the last mount. Direct I/O can only be turned on behind that, without harm to
 * either.
 *
 * Safe as root: no path of a user is in it, and neither set-user-ID programs nor devices on it are honoured. The
 * superblock is vetted, and is the one that the kernel reads, because the engine answers those bytes from a copy of its
 * own; so no device is used but this one.
 */
export async function mountByKernel(device: AttachedDevice, folder: string): Promise<MountedFileSystem | string> {
  const refusal = refuseKernelDriver(device.kind);
  if (refusal !== undefined) return refusal;
  const superblock = readVettedSuperblock(device);
  const options = mountOptions(superblock, device.readOnly);
  if (device.kind === 'device') return mountDevice(device.path, options, superblock, folder);
  const loop = await prepareFreeLoop();
  if (!loop.usable) return loop.why;
  try {
    const mounted = await mountDevice(device.path, `loop,${options}`, superblock, folder);
    // Where the kernel refuses it, the loop device works through the page cache: slower, and as safe.
    await run('losetup', ['--direct-io=on', `/dev/loop${mounted.device.minor}`]);
    return mounted;
  } finally {
    loop.forget();
  }
}

async function mountDevice(
  path: string,
  options: string,
  {features}: VettedSuperblock,
  folder: string,
): Promise<KernelFileSystem> {
  const result = await run('mount', [...bareMount, '-t', 'ext4', '-o', options, path, folder]);
  const device = mountsAt(readMounts('self'), folder).at(-1);
  if (result.code !== 0 || device === undefined) {
    const newer = newerThan(features, 'kernel', versionOfKernel());
    if (newer.length > 0) throw needsNewer('kernel', newer, result.stderr.toString());
    throw kernelDidNotMount(result.stderr);
  }
  const {major, minor} = device;
  return new KernelFileSystem({major, minor});
}

function versionOfKernel(): Version {
  const [major, minor] = release().split('.').map(Number);
  return [major ?? Infinity, minor ?? 0];
}

class KernelFileSystem implements MountedFileSystem {
  readonly driver = 'kernel';
  readonly device: DeviceNumber;
  /** The kernel does not end before its last mount does, and tells nobody. */
  readonly ended = new Promise<void>(() => {});
  readonly lost = new Promise<void>(() => {});
  readonly unflushed = new Promise<void>(() => {});

  constructor(device: DeviceNumber) {
    this.device = device;
  }

  /**
   * The last umount(2) comes back when all is written: a device that is still held after it is open in some process.
   */
  async unmount({graceMs = 0, busyMs = graceMs}: UnmountPatience = {}): Promise<void> {
    const unmounted = await unmountEverywhere(this.device, busyMs);
    if (!unmounted || !(await pollUntil(() => !this.#isLoopSetUp(), busyMs))) throw stillInUse();
  }

  /** A loop device clears itself with its last user: a mount in another namespace, udev for a moment. */
  #isLoopSetUp(): boolean {
    const {major, minor} = this.device;
    return major === loopMajor && readLoopDevices().some(({name}) => name === `loop${minor}`);
  }
}
