import type {ChildProcess} from 'node:child_process';
import {chownSync, closeSync, constants, openSync, statSync} from 'node:fs';
import {pollUntil} from '../foundation/poll.ts';
import {mountsAt, readMounts} from '../kernel/mountinfo.ts';
import {childrenOf, descendantsOf, signalProcess} from '../kernel/process.ts';
import {ownIds} from '../confined/ids.ts';
import {findProgram, packageOf, programPath, startBound} from '../kernel/program.ts';
import type {AttachedDevice} from './engine.ts';
import {fuse2fsDidNotMount, stillInUse} from './failures.ts';
import {Fuse2fsFlusher} from './fuse2fs-flusher.ts';
import {
  unmountEverywhere,
  type DeviceNumber,
  type MountedFileSystem,
  type UnmountPatience,
} from './mounted-file-system.ts';
import {readVettedSuperblock} from './vet-superblock.ts';

/** Where fuse2fs opens its connection. */
const fuseDevicePath = '/dev/fuse';

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
 * fuse2fs writes no journal: `e2fsck -p` fixes what a crash leaves. What was synced is on the image, see
 * `fuse2fs-flusher.ts`.
 *
 * Safe as root: no path of a user is in it, permissions are checked by the kernel (`default_permissions`), and neither
 * set-user-ID programs nor devices are honoured. It gets no descriptor of ours. The superblock that it reads is vetted:
 * fuse2fs too would open a journal that one names, and it takes no other copy of it.
 *
 * It parses what someone with the passphrase has chosen, for as long as the session lives, so it has ids of its own, by
 * which no file but the block file is its, no network, and one capability. That one is no small one: fuse2fs mounts by
 * itself (libfuse 2 takes no connection that is mounted already), for which the kernel wants CAP_SYS_ADMIN, and there is
 * no way to take it away later. docs/SECURITY.md says so.
 */
export async function mountByFuse2fs(device: AttachedDevice, folder: string): Promise<MountedFileSystem> {
  readVettedSuperblock(device);
  const shell = kept(['fuse2fs', device.path, folder, ...foreground(device)], onlyMounting(folder));
  const child = startBound('unshare', ['--net', '--ipc', '--', programPath('sh'), ...shell], {
    stdio: ['ignore', 'ignore', 'pipe'],
    deathSignal,
  });
  const fuse2fs = new Fuse2fsProcess(child);
  const mounted = await mountOf(fuse2fs, 'self', folder);
  const flusher = device.readOnly ? 'not needed' : await Fuse2fsFlusher.start(folder, fuse2fs.pid);
  return new Fuse2fsFileSystem(fuse2fs, mounted, flusher);
}

/**
 * Options of setpriv(1) that leave a program ids of its own, with which it can open the block file and `folder`, and one
 * capability. Where /dev/fuse is for root alone, fuse2fs has to be root, because it opens that by itself too.
 */
function onlyMounting(folder: string): string[] {
  const ids = ownIds('parser');
  if (ids === undefined || (statSync(fuseDevicePath).mode & 0o006) !== 0o006) return ['--no-new-privs'];
  chownSync(folder, ids.uid, ids.gid);
  const identity = [`--reuid=${ids.uid}`, `--regid=${ids.gid}`, '--clear-groups'];
  const sets = ['bounding-set', 'inh-caps', 'ambient-caps'].map((set) => `--${set}=-all,+sys_admin`);
  return [...identity, ...sets, '--no-new-privs'];
}

/** A file system that is mounted in namespaces of its own, and the descriptors with which a session enters them. */
export type PrivatelyMounted = {
  readonly fileSystem: MountedFileSystem;
  readonly userFd: number;
  readonly mountFd: number;
};

/**
 * The same without root: in a user namespace below the ghost's own, in which the user's id is the user's id, because
 * the owners that fuse2fs tells the kernel are those in the image. `folder` is mounted over in its mount namespace only.
 *
 * `beforeMount` is called when fuse2fs has its device: what is mounted by then, the session sees.
 */
export async function mountByPrivateFuse2fs(
  device: AttachedDevice,
  folder: string,
  ids: {readonly uid: number; readonly gid: number},
  beforeMount: () => Promise<void>,
): Promise<PrivatelyMounted> {
  readVettedSuperblock(device);
  const deviceFd = openSync(device.path, device.readOnly ? constants.O_RDONLY : constants.O_RDWR);
  await beforeMount();
  const namespaces = ['--user', `--map-user=${ids.uid}`, `--map-group=${ids.gid}`, '--keep-caps', '--mount'];
  const command = [programPath('sh'), ...kept(['fuse2fs', '/proc/self/fd/3', folder, ...foreground(device)])];
  const child = startBound('unshare', [...namespaces, '--', ...command], {
    stdio: ['ignore', 'ignore', 'pipe', deviceFd],
    deathSignal,
  });
  closeSync(deviceFd);
  const fuse2fs = new Fuse2fsProcess(child);
  await mountOf(fuse2fs, child.pid!, folder);
  const namespaceFds = {
    userFd: openSync(`/proc/${child.pid}/ns/user`, 'r'),
    mountFd: openSync(`/proc/${child.pid}/ns/mnt`, 'r'),
  };
  const flusher = device.readOnly
    ? 'not needed'
    : await Fuse2fsFlusher.startPrivately(folder, fuse2fs.pid, namespaceFds);
  return {fileSystem: new PrivateFuse2fsFileSystem(fuse2fs, flusher), ...namespaceFds};
}

/** When the ghost is killed, fuse2fs unmounts and writes what it has in memory: the block server outlives it. */
const deathSignal = 'TERM';

/**
 * Arguments for a shell that runs fuse2fs, with these options of setpriv(1), and passes SIGTERM on to it once.
 *
 * The kernel sends the signal of a parent's death once for each thread of the dying Node that the child is handed on
 * to. libfuse takes its handlers away as soon as the first one has arrived, so a second one would kill fuse2fs while it
 * still writes. The shell has one thread, so its own death sends one signal.
 */
function kept([program, ...args]: readonly ['fuse2fs', ...string[]], powers: readonly string[] = []): string[] {
  const script = [
    'end() { [ -z "$told" ] || return 0; told=1; trap "" TERM; [ -z "$child" ] || kill -TERM "$child" 2>/dev/null; }',
    'trap end TERM',
    `"$0" ${[...powers, '--pdeathsig TERM'].join(' ')} -- /bin/sh -c '[ "$PPID" -eq "$0" ] && exec "$@"' "$$" "$@" &`,
    'child=$!',
    'exec 3<&-',
    '[ -z "$told" ] || kill -TERM "$child" 2>/dev/null',
    'wait "$child"; code=$?',
    // A signal ends wait(1) early; a child that has ended and was not waited for can still be asked after.
    'while kill -0 "$child" 2>/dev/null; do wait "$child"; code=$?; done',
    'exit "$code"',
  ].join('\n');
  return ['-c', script, programPath('setpriv'), programPath(program), ...args];
}

/** In the foreground, so that its end is seen. */
function foreground({readOnly}: AttachedDevice): string[] {
  const options = 'allow_other,default_permissions,nosuid,nodev,noatime';
  // The option is for fuse2fs, which takes it away, and the flag for the mount.
  return readOnly ? ['-f', '-r', '-o', `${options},ro`] : ['-f', '-o', options];
}

/** Waits until fuse2fs has mounted, as the mount table of `pid` tells it. */
async function mountOf(fuse2fs: Fuse2fsProcess, pid: number | 'self', folder: string): Promise<DeviceNumber> {
  const mount = (): DeviceNumber | undefined =>
    mountsAt(readMounts(pid), folder).findLast(({fsType}) => fsType.startsWith('fuse'));
  await pollUntil(() => fuse2fs.over || mount() !== undefined, mountTimeoutMs);
  const mounted = fuse2fs.over ? undefined : mount();
  if (mounted !== undefined) return {major: mounted.major, minor: mounted.minor};
  fuse2fs.kill();
  await fuse2fs.ended;
  throw fuse2fsDidNotMount(fuse2fs.said);
}

class Fuse2fsProcess {
  readonly ended: Promise<void>;
  over = false;
  /** What it wrote to standard error. Names of the vault's files may be in it. */
  said = '';
  readonly #child: ChildProcess;

  constructor(child: ChildProcess) {
    this.#child = child;
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

  /** fuse2fs itself, below the shell that keeps it. */
  get pid(): number | undefined {
    return childrenOf(this.#child.pid!)[0]?.pid;
  }

  /** Lets it write what it has in memory and end. */
  end(): void {
    this.#child.kill('SIGTERM');
  }

  kill(): void {
    for (const one of descendantsOf(this.#child.pid!)) signalProcess(one, 'SIGKILL');
    this.#child.kill('SIGKILL');
  }
}

type Flusher = Fuse2fsFlusher | 'not needed' | undefined;

/** What is the same wherever fuse2fs has mounted. */
abstract class FlushedFileSystem implements MountedFileSystem {
  readonly driver = 'fuse2fs';
  readonly lost: Promise<void>;
  readonly unflushed: Promise<void>;
  abstract readonly ended: Promise<void>;
  readonly #flusher: Fuse2fsFlusher | undefined;

  /** Undefined: it could not be had. */
  constructor(flusher: Flusher) {
    this.#flusher = flusher === 'not needed' ? undefined : flusher;
    const failed = this.#flusher?.failed;
    this.lost = new Promise((resolve) => void failed?.then((how) => how === 'refused' && resolve()));
    this.unflushed = new Promise((resolve) => {
      if (flusher === undefined) resolve();
      else void failed?.then((how) => how === 'ended' && resolve());
    });
  }

  abstract unmount(patience?: UnmountPatience): Promise<void>;

  /** The flusher has a file of the vault open, which would keep it busy. */
  protected async stopFlushing(graceMs: number): Promise<void> {
    await this.#flusher?.stop(graceMs);
  }
}

/** Mounted in this process's own namespace. */
class Fuse2fsFileSystem extends FlushedFileSystem {
  readonly ended: Promise<void>;
  readonly #process: Fuse2fsProcess;
  readonly #device: DeviceNumber;

  constructor(process: Fuse2fsProcess, device: DeviceNumber, flusher: Flusher) {
    super(flusher);
    this.#device = device;
    this.ended = process.ended;
    this.#process = process;
  }

  async unmount({graceMs = 0, busyMs = graceMs}: UnmountPatience = {}): Promise<void> {
    await this.stopFlushing(graceMs);
    const deadlineMs = performance.now() + graceMs;
    const unmounted = await unmountEverywhere(this.#device, busyMs);
    // It writes the last of the metadata after the kernel has released the mount.
    const ended = unmounted && (await pollUntil(() => this.#process.over, deadlineMs - performance.now()));
    if (!ended) throw stillInUse();
  }
}

/** Mounted in a namespace that only fuse2fs and the session are in: asked to end, it unmounts and writes what is left. */
class PrivateFuse2fsFileSystem extends FlushedFileSystem {
  readonly ended: Promise<void>;
  readonly #process: Fuse2fsProcess;

  constructor(process: Fuse2fsProcess, flusher: Flusher) {
    super(flusher);
    this.ended = process.ended;
    this.#process = process;
  }

  async unmount({graceMs = 0}: UnmountPatience = {}): Promise<void> {
    await this.stopFlushing(graceMs);
    this.#process.end();
    if (!(await pollUntil(() => this.#process.over, graceMs))) throw stillInUse();
  }
}
