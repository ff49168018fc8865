import type {ChildProcess} from 'node:child_process';
import {mountsAt, readMounts} from '../kernel/mountinfo.ts';
import {findProgram, packageOf, start} from '../kernel/program.ts';
import {exitCode} from '../lifecycle/exit-code.ts';
import {Failure} from '../lifecycle/failure.ts';
import type {AttachedDevice} from './engine.ts';
import {
  stillInUse,
  unmountEverywhere,
  waitFor,
  type DeviceNumber,
  type MountedFileSystem,
} from './mounted-file-system.ts';

/** How long fuse2fs may take to read the file system before it mounts it. */
const mountTimeoutMs = 30_000;

/** Why fuse2fs cannot be used here, as a clause; undefined when it can. */
export function refuseFuse2fs(): string | undefined {
  return findProgram('fuse2fs') === undefined ? `fuse2fs is not installed (${packageOf('fuse2fs')})` : undefined;
}

/**
 * Mounts the ext4 of a block file on `folder` with fuse2fs: needs neither loop devices nor root of the machine.
 * Throws a Failure: 69 when it is not installed, 65 when it does not mount the file system.
 *
 * fuse2fs writes no journal. What was synced (fsync of a file that is open for writing) is on the image, and
 * `e2fsck -p` mends the rest after a crash; but up to version 1.47 it does nothing when a directory is synced.
 *
 * Safe as root: no path of a user is in it, permissions are checked by the kernel (`default_permissions`), and neither
 * set-user-ID programs nor devices are honoured. It gets no descriptor of ours.
 */
export async function mountByFuse2fs(device: AttachedDevice, folder: string): Promise<MountedFileSystem> {
  const options = 'allow_other,default_permissions,nosuid,nodev,noatime';
  // In the foreground, so that its end is seen, and in a session of its own, so that Ctrl-C does not reach it.
  const child = start('fuse2fs', [device.path, folder, '-f', '-o', options], {
    stdio: ['ignore', 'ignore', 'pipe'],
    detached: true,
  });
  const fuse2fs = new Fuse2fsProcess(child);
  const mount = (): DeviceNumber | undefined =>
    mountsAt(readMounts('self'), folder).findLast(({fsType}) => fsType.startsWith('fuse'));
  await waitFor(() => fuse2fs.over || mount() !== undefined, performance.now() + mountTimeoutMs);
  const mounted = fuse2fs.over ? undefined : mount();
  if (mounted !== undefined) return new Fuse2fsFileSystem(fuse2fs, {major: mounted.major, minor: mounted.minor});
  child.kill('SIGKILL');
  await fuse2fs.ended;
  throw new Failure(exitCode.data, 'fuse2fs did not mount the file system of the vault.', {
    why: 'It has features that fuse2fs does not know, or FUSE may not be used for it here.',
    next: 'tazpod doctor',
    cause: fuse2fs.said,
  });
}

class Fuse2fsProcess {
  readonly ended: Promise<void>;
  over = false;
  /** What it wrote to standard error. Names of the vault's files may be in it. */
  said = '';

  constructor(child: ChildProcess) {
    child.stderr!.setEncoding('utf8').on('data', (text: string) => {
      this.said = (this.said + text).slice(-4096);
    });
    this.ended = new Promise((resolve) => {
      const end = (): void => {
        this.over = true;
        resolve();
      };
      child.once('error', end).once('close', end);
    });
  }
}

class Fuse2fsFileSystem implements MountedFileSystem {
  readonly driver = 'fuse2fs';
  readonly device: DeviceNumber;
  readonly ended: Promise<void>;
  readonly #process: Fuse2fsProcess;

  constructor(process: Fuse2fsProcess, device: DeviceNumber) {
    this.device = device;
    this.ended = process.ended;
    this.#process = process;
  }

  async unmount({graceMs = 0}: {readonly graceMs?: number} = {}): Promise<void> {
    const deadlineMs = performance.now() + graceMs;
    const unmounted = await unmountEverywhere(this.device, deadlineMs);
    // It writes the last of the metadata after the kernel has let go of the mount.
    if (!unmounted || !(await waitFor(() => this.#process.over, deadlineMs))) throw stillInUse();
  }
}
