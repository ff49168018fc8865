import {readKernelText} from '../kernel/kernel-file.ts';
import {findKernelModule} from '../kernel/kernel-module.ts';
import {readLoopDevices} from '../kernel/loop.ts';
import {mountsAt, readMounts} from '../kernel/mountinfo.ts';
import {isInitialUserNamespace} from '../kernel/namespaces.ts';
import {run} from '../kernel/program.ts';
import {exitCode} from '../lifecycle/exit-code.ts';
import {Failure} from '../lifecycle/failure.ts';
import {bareMount} from './bare-mount.ts';
import type {AttachedDevice} from './engine.ts';
import {hasLegacyMemoryLimit} from './legacy-memory-limit.ts';
import {hasLoopDevices, prepareFreeLoop} from './loop-nodes.ts';
import {
  stillInUse,
  unmountEverywhere,
  waitFor,
  type DeviceNumber,
  type MountedFileSystem,
  type UnmountPatience,
} from './mounted-file-system.ts';

/** The major number of loop devices. */
const loopMajor = 7;

const mountOptions = 'nosuid,nodev,noatime,errors=remount-ro';

/** Why the kernel cannot mount ext4 from such a device, as a clause; undefined when it can. */
export function refuseKernelDriver(kind: AttachedDevice['kind']): string | undefined {
  if (process.getuid!() !== 0 || isInitialUserNamespace() === false) return 'only root can let the kernel mount ext4';
  const known = /\text4$/m.test(readKernelText('/proc/filesystems') ?? '') || findKernelModule('ext4') !== undefined;
  if (!known) return 'this kernel has no ext4';
  if (kind === 'device') return undefined;
  if (!hasLoopDevices()) return 'there are no loop devices here';
  if (hasLegacyMemoryLimit()) return 'the control group (version 1) limits memory in a way that could stop it for ever';
  return undefined;
}

/**
 * Lets the kernel mount the ext4 of a device on `folder`. Returns a clause that says why it cannot where that has
 * nothing to do with the vault; throws a Failure (65) where it has.
 *
 * A file goes through a loop device that mount(8) marks for autoclear as it makes it: whoever is killed and when, the
 * kernel takes it away with the last mount. Direct I/O can only be turned on behind that, without harm to either.
 *
 * Safe as root: no path of a user is in it, e2fsck has looked at the file system, and neither set-user-ID programs
 * nor devices on it are honoured.
 */
export async function mountByKernel(device: AttachedDevice, folder: string): Promise<MountedFileSystem | string> {
  const refusal = refuseKernelDriver(device.kind);
  if (refusal !== undefined) return refusal;
  if (device.kind === 'device') return mountDevice(device.path, mountOptions, folder);
  const loop = await prepareFreeLoop();
  if (!loop.usable) return loop.why;
  try {
    const mounted = await mountDevice(device.path, `loop,${mountOptions}`, folder);
    // Where the kernel refuses it, the loop device works through the page cache: slower, and as safe.
    await run('losetup', ['--direct-io=on', `/dev/loop${mounted.device.minor}`]);
    return mounted;
  } finally {
    loop.forget();
  }
}

async function mountDevice(path: string, options: string, folder: string): Promise<KernelFileSystem> {
  const result = await run('mount', [...bareMount, '-t', 'ext4', '-o', options, path, folder]);
  const device = mountsAt(readMounts('self'), folder).at(-1);
  if (result.code !== 0 || device === undefined) {
    throw new Failure(exitCode.data, 'The kernel did not mount the file system of the vault.', {
      why: 'It is damaged in a way that e2fsck does not see, or has features that this kernel does not know.',
      next: 'sudo dmesg | tail',
      cause: result.stderr.toString(),
    });
  }
  const {major, minor} = device;
  return new KernelFileSystem({major, minor});
}

class KernelFileSystem implements MountedFileSystem {
  readonly driver = 'kernel';
  readonly device: DeviceNumber;
  /** The kernel does not end before its last mount does, and tells nobody. */
  readonly ended = new Promise<void>(() => {});

  constructor(device: DeviceNumber) {
    this.device = device;
  }

  /** The last umount(2) comes back when all is written: whatever holds a device after it is somebody who has it open. */
  async unmount({graceMs = 0, busyMs = graceMs}: UnmountPatience = {}): Promise<void> {
    const unmounted = await unmountEverywhere(this.device, performance.now() + busyMs);
    const deadlineMs = performance.now() + busyMs;
    if (!unmounted || !(await waitFor(() => !this.#isLoopSetUp(), deadlineMs))) throw stillInUse();
  }

  /** A loop device clears itself with its last user: a mount in another namespace, udev for a moment. */
  #isLoopSetUp(): boolean {
    const {major, minor} = this.device;
    return major === loopMajor && readLoopDevices().some(({name}) => name === `loop${minor}`);
  }
}
