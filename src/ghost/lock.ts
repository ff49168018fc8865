import {closeSync, constants, fstatSync, openSync, readdirSync, writeFileSync} from 'node:fs';
import {basename, dirname} from 'node:path';
import {pollUntil} from '../foundation/poll.ts';
import {formatFileIdentity, identifyFile, parseFileIdentity} from '../kernel/file-identity.ts';
import {isLocked, lockHolders} from '../kernel/file-lock.ts';
import {listKernelFolder} from '../kernel/kernel-file.ts';
import {displacedVaults, readOpenVaults, type RunningVault} from '../kernel/open-vaults.ts';
import {readProcessStat} from '../kernel/process-record.ts';
import {
  continueStopped,
  identifyProcess,
  isAlive,
  membersOfPidNamespace,
  type ProcessIdentity,
  signalProcess,
} from '../kernel/process.ts';
import type {LockPlan} from '../lifecycle/plan.ts';
import {asCaller, type Caller} from './caller.ts';
import {lockedByProcess, noCopyOfRemovedImage} from './failures.ts';
import {openImageForLock} from './plan/check-plan.ts';
import {printablePath} from '../foundation/printable.ts';
import {lockedMarker} from '../lifecycle/init-label.ts';
import {atMostEvery, isOwn, wakeAround, withDescendants} from './stopped.ts';

/** How long the ghost may take to unmount and detach after its session is gone, and how long after it was killed. */
const teardownTimeoutMs = {asked: 15_000, killed: 10_000};
/** A copy is written, synced and read back. */
const slowestCopyBytesPerMs = 5 * 1024;
/** How often what is stopped is continued. */
const wakeMs = 500;

/**
 * Closes the ghost of an image from outside: SIGHUP to its session, SIGKILL after the grace time, and then the kernel's
 * word that nobody holds the image. Stopped processes of the ghost go on meanwhile; a ghost that does not
 * close its vault all the same is killed, and the kernel closes it.
 *
 * Safe as root: the image must be the caller's own, and only processes in the PID namespace whose init bears this
 * image's device and inode number, and this user's id, get a signal. That init is root's: what a user's own process
 * says that it is, as the init of a private ghost does, counts only where no line is crossed. Beside those, only
 * processes of this process's own user are continued that have started such a session or hold the lock of the caller's
 * own image, with what descends from them; and only the ghost of such an init is killed, the parent of its parent.
 */
export async function lockVault(caller: Caller, plan: LockPlan, warn: (text: string) => void): Promise<void> {
  const displaced = openDisplaced(caller, plan.image);
  const copies = () => listCopies(caller, plan.image);
  const before = copies();
  // What is at the path now is no vault of ours, or not the one that is open.
  if (displaced.length === 0) return lockImageOf(caller, plan, openImageForLock(caller, plan.image));
  const removed = displaced.some((fd) => fstatSync(fd).nlink === 0);
  if (removed)
    warn('The image was removed or replaced while the vault was open. The ghost saves it; this may take a while.');
  for (const imageFd of displaced) await lockImageOf(caller, plan, imageFd);
  if (!removed) return;
  const saved = copies().filter((path) => !before.includes(path));
  if (saved.length === 0) {
    throw noCopyOfRemovedImage();
  }
  warn(`The image was saved as ${saved.map(printablePath).join(', ')}.`);
}

async function lockImageOf(caller: Caller, plan: LockPlan, imageFd: number): Promise<void> {
  try {
    const imageId = formatFileIdentity(identifyFile(imageFd));
    const vaults = await openVaultsOf(imageFd, imageId, caller, plan.waitMs ?? 0);
    // Now: with the end of their sessions nothing shows which they are.
    const [openers, ghosts] = [vaults.flatMap(openerOf), vaults.flatMap(ghostsOf)];
    for (const vault of vaults) await endVault(vault, ghosts, plan.graceMs);
    if (await unlockedWithin(imageFd, ghosts, vaults.length > 0 ? teardownTimeoutOf(imageFd) : 0)) return;
    for (const opener of openers) signalProcess(opener, 'SIGKILL');
    if (await unlockedWithin(imageFd, ghosts, openers.length > 0 ? teardownTimeoutMs.killed : 0)) return;
    throw lockedByProcess(vaults.length);
  } finally {
    closeSync(imageFd);
  }
}

/**
 * The images of vaults that the caller has opened at this path, and that are gone.
 *
 * Safe as root: what is opened is a descriptor of a process that runs as this one does and has the lock of the image,
 * and only the very inode that the label of the vault's init names. That init is root's, as argued above.
 */
function openDisplaced(caller: Caller, image: string): number[] {
  const there = identityAt(caller, image);
  return displacedVaults(image, there, caller.sessionUid)
    .filter(({isolation}) => isolation === caller.isolation)
    .flatMap(({imageId}) => openHeldFile(imageId) ?? []);
}

function identityAt(caller: Caller, image: string): string | undefined {
  try {
    return asCaller(caller, () => formatFileIdentity(identifyFile(image)));
  } catch {
    return undefined;
  }
}

function openHeldFile(imageId: string): number | undefined {
  const identity = parseFileIdentity(imageId);
  if (identity === undefined) return undefined;
  for (const pid of lockHolders(identity).filter(isOwn)) {
    for (const name of listKernelFolder(`/proc/${pid}/fd`)) {
      const fd = openIf(`/proc/${pid}/fd/${name}`, imageId);
      if (fd !== undefined) return fd;
    }
  }
  return undefined;
}

function openIf(path: string, imageId: string): number | undefined {
  try {
    // First looked at: to open a device or a pipe could do something.
    if (formatFileIdentity(identifyFile(path)) !== imageId) return undefined;
    return openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch {
    return undefined;
  }
}

/** Copies that ghosts have saved of this image. */
function listCopies(caller: Caller, image: string): string[] {
  try {
    const names = asCaller(caller, () => readdirSync(dirname(image)));
    return names
      .filter((name) => name.startsWith(`${basename(image)}.saved`))
      .map((name) => `${dirname(image)}/${name}`);
  } catch {
    return [];
  }
}

/** The caller's own ghosts of an image. */
export function ownVaultsOf(imageId: string, caller: Caller): RunningVault[] {
  return readOpenVaults().filter(
    ({imageId: id, uid, isolation}) => id === imageId && uid === caller.sessionUid && isolation === caller.isolation,
  );
}

/** The ghosts of the image. One that is being opened has no session to end yet, and is waited for. */
async function openVaultsOf(imageFd: number, imageId: string, caller: Caller, waitMs: number): Promise<RunningVault[]> {
  const wake = atMostEvery(wakeMs, () => wakeAround(imageFd, []));
  let vaults: RunningVault[] = [];
  const isOpenOrFree = async () => {
    vaults = ownVaultsOf(imageId, caller);
    return vaults.length > 0 || !(await isLocked(imageFd));
  };
  await pollUntil(isOpenOrFree, waitMs, wake);
  return vaults;
}

async function endVault(vault: RunningVault, ghosts: readonly ProcessIdentity[], graceMs: number): Promise<void> {
  markLocked(vault);
  for (const member of membersOfPidNamespace(vault.init.pid).slice(1)) signalProcess(member, 'SIGHUP');
  // Who is stopped acts on SIGHUP only when it goes on.
  const wake = atMostEvery(wakeMs, () => {
    continueStopped([...membersOfPidNamespace(vault.init.pid), ...withDescendants(ghosts)]);
  });
  await pollUntil(() => !isAlive(vault.init), graceMs, wake);
  // The end of its init is, for the kernel, the end of the whole namespace.
  signalProcess(vault.init, 'SIGKILL');
}

/**
 * Safe as root: the marker is made in the session's own /dev/shm, exclusively and through no link, so nothing that the
 * session has put there is touched; the ghost asks no more than whether it is there.
 */
export function markLocked(vault: RunningVault): void {
  try {
    writeFileSync(`/proc/${vault.init.pid}/root/dev/shm/${lockedMarker}`, '', {flag: 'wx', mode: 0o600});
  } catch {
    // Left already; or the kernel does not let root look into the session, and its `unlock` ends with 137.
  }
}

/** A ghost that has to save a removed image must not be killed over it. */
function teardownTimeoutOf(imageFd: number): number {
  const {nlink, size} = fstatSync(imageFd);
  return teardownTimeoutMs.asked + (nlink === 0 ? size / slowestCopyBytesPerMs : 0);
}

function unlockedWithin(imageFd: number, ghosts: readonly ProcessIdentity[], timeoutMs: number): Promise<boolean> {
  const wake = atMostEvery(wakeMs, () => wakeAround(imageFd, ghosts));
  return pollUntil(async () => !(await isLocked(imageFd)), timeoutMs, wake);
}

/** The ghost that opened the vault: the parent of the unshare that waits for the init. */
function openerOf({supervisorPid}: RunningVault): ProcessIdentity[] {
  return parentsOf([supervisorPid]);
}

/** That one and those that have joined: the parents of the processes that wait outside for one in the session. */
function ghostsOf({init}: RunningVault): ProcessIdentity[] {
  const inside = membersOfPidNamespace(init.pid).map(({pid}) => pid);
  const entrances = parentsOf(inside).filter(({pid}) => !inside.includes(pid));
  return parentsOf(entrances.map(({pid}) => pid));
}

/** The parents of processes, as far as they run as this one does. */
function parentsOf(pids: readonly number[]): ProcessIdentity[] {
  const parents = new Set(pids.map((pid) => readProcessStat(pid)?.ppid ?? 0));
  return [...parents].filter((pid) => pid > 1 && isOwn(pid)).flatMap((pid) => identifyProcess(pid) ?? []);
}
