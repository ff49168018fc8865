import {closeSync, constants, fstatSync, openSync, realpathSync, type Stats} from 'node:fs';
import {basename, dirname} from 'node:path';
import {directory, isTaken, onTheWay, openBeneath, openStepwise, placeOnly} from '../../foundation/open-beneath.ts';
import {isBelow} from '../../foundation/path-within.ts';
import {refuseBridges} from '../../lifecycle/bridge-rules.ts';
import {exitCode, type ExitCode} from '../../foundation/exit-code.ts';
import {Failure} from '../../foundation/failure.ts';
import type {BridgePlan, KeysPlan, KeySource, OpenPlan} from '../../lifecycle/plan.ts';
import {asCaller, type Caller} from '../caller.ts';
import {cannotOpen, imageExists, ofAnotherUser, onlyReadable, refused} from '../failures.ts';
import {printablePath} from '../../foundation/printable.ts';
import {openTakenTerminal} from '../guarded-terminal.ts';

/**
 * What the plan named, opened. From here on the ghost works with these descriptors and never with the names again, so
 * that nothing can be put in their places meanwhile.
 */
export type OpenedPlan = {
  /** The image, or undefined where it is to be made. */
  readonly imageFd: number | undefined;
  /** The directory of the image, and the image's name in it. */
  readonly imageFolderFd: number;
  readonly imageName: string;
  readonly mountPointFd: number;
  readonly homeFd: number;
  /** The terminal that the user types at. */
  readonly terminalFd: number | undefined;
  /** The file that the passphrase or key is read from. */
  readonly keyFd: number | undefined;
  /** What the session shares with the login outside, opened for nothing but its place in the tree (O_PATH). */
  readonly shared: readonly OpenedShare[];
};

export type OpenedShare = {readonly fd: number; readonly name: string};

/**
 * Opens what the plan names, step by step, with the caller's own ids, and follows no symbolic link.
 *
 * Safe as root: the effective ids are the caller's while a name is looked up, so root opens nothing that the caller
 * could not; image, home, mount point and terminal must belong to the caller; through sudo, mount point and bridges must lie
 * under the home that the login name database gives, or under another that nobody else can move.
 */
export function openPlan(caller: Caller, plan: OpenPlan): OpenedPlan {
  if (plan.privateGhost !== undefined && caller.isolation !== 'private') {
    throw refused('private ghost', 'only a private call can name one');
  }
  // A home may be reached through links of the system (/home -> /var/home): the plan names what is at their end.
  const {home} = plan;
  if (caller.home !== undefined && home !== realHome(caller, caller.home)) refuseForeignHome(caller, home);
  for (const path of [plan.mountPoint, ...plan.bridges.map((bridge) => `${home}/${bridge.home}`)]) {
    if (!isBelow(path, home)) {
      throw refused('mount point', `it is not below the home directory ${printablePath(home)}`);
    }
  }
  refuseHostileBridges(plan);
  const opened = asCaller(caller, () => {
    const imageFolderFd = openNamed(dirname(plan.image), 'directory of the image', directory, exitCode.noInput);
    return {
      imageFolderFd,
      imageName: basename(plan.image),
      imageFd: openImage(caller, plan, imageFolderFd),
      mountPointFd: openOwned(caller, plan.mountPoint, 'mount point'),
      homeFd: openOwned(caller, home, 'home'),
      terminalFd: plan.session?.terminal === undefined ? undefined : openTerminal(caller, plan.session.terminal),
      keyFd: plan.key.from === 'file' ? openKeyFile(plan.key.path) : undefined,
      shared: (plan.shared ?? []).flatMap(({from, name}) => openShared(caller, from, name) ?? []),
    };
  });
  const path = plan.session?.terminal;
  if (path === undefined || opened.terminalFd !== undefined) return opened;
  return {...opened, terminalFd: openTakenTerminal(caller, path)};
}

function realHome(caller: Caller, path: string): string | undefined {
  try {
    return asCaller(caller, () => realpathSync(path));
  } catch {
    // An account may have a home that was never made.
    return undefined;
  }
}

/**
 * `HOME` may name another directory than the login name database. It must be the caller's own (`openOwned`), and nobody
 * else may be able to move it: then all that is mounted below it is where the caller alone decides, as in any home.
 */
function refuseForeignHome(caller: Caller, home: string): void {
  for (let path = dirname(home); ; path = dirname(path)) {
    const fd = asCaller(caller, () => openNamed(path, 'home', onTheWay, exitCode.noInput));
    const {uid, mode} = fstatSync(fd);
    closeSync(fd);
    if (uid !== 0 && uid !== caller.uid) throw refused('home', `${printablePath(path)} belongs to another user`);
    if ((mode & 0o022) !== 0 && (mode & 0o1000) === 0) {
      throw refused('home', `other users can change ${printablePath(path)}`);
    }
    if (path === '/') return;
  }
}

/** What is moved into the vault must not be what opens it. */
function refuseHostileBridges({bridges, home, mountPoint, image, key}: OpenPlan): void {
  const ownFiles = [process.execPath, import.meta.filename];
  const kept = [image, ...(key.from === 'file' ? [key.path] : []), ...ownFiles];
  const refusal = refuseBridges(bridges, {home, mountPoint, kept});
  if (refusal !== undefined) throw refused(`bridge of ${printablePath(`~/${refusal.bridge.home}`)}`, refusal.why);
}

/** Opens both ends of a bridge, in the home and in the mounted vault, as `openPlan` opens the rest. */
export function openBridge(caller: Caller, homeFd: number, mountPoint: string, bridge: BridgePlan): [number, number] {
  return asCaller(caller, () => [
    requireOwned(
      caller,
      orRefuse('bridge', exitCode.noInput, () => openBeneath(homeFd, bridge.home, directory)),
      'bridge',
    ),
    openOwned(caller, `${mountPoint}/${bridge.vault}`, 'bridge'),
  ]);
}

/** What a plan about key slots named, opened. */
export type OpenedKeysPlan = {
  readonly imageFd: number;
  readonly keyFd: number | undefined;
  readonly newKeyFd: number | undefined;
};

/** Opens the image of such a plan, which must be the caller's own, and its key files: as `openPlan`, and safe as that. */
export function openKeysPlan(caller: Caller, {image, change}: KeysPlan): OpenedKeysPlan {
  const open = (source: KeySource | undefined) => (source?.from === 'file' ? openKeyFile(source.path) : undefined);
  return asCaller(caller, () => {
    const folderFd = openNamed(dirname(image), 'directory of the image', directory, exitCode.noInput);
    try {
      return {
        imageFd: openOwnedImage(caller, folderFd, image, change.do === 'list' ? 'reading' : 'writing'),
        keyFd: 'key' in change ? open(change.key) : undefined,
        newKeyFd: 'newKey' in change ? open(change.newKey) : undefined,
      };
    } finally {
      closeSync(folderFd);
    }
  });
}

/** Opens the image of a plan for the lock operation, which needs no more of it than its identity. */
export function openImageForLock(caller: Caller, image: string): number {
  return asCaller(caller, () => {
    const folderFd = openNamed(dirname(image), 'directory of the image', directory, exitCode.noInput);
    try {
      return openOwnedImage(caller, folderFd, image, 'reading');
    } finally {
      closeSync(folderFd);
    }
  });
}

function openImage(caller: Caller, plan: OpenPlan, folderFd: number): number | undefined {
  if (plan.create === undefined)
    return openOwnedImage(caller, folderFd, plan.image, plan.readOnly ? 'reading' : 'writing');
  if (!isTaken(folderFd, basename(plan.image))) return undefined;
  throw imageExists(plan.image);
}

function openOwnedImage(caller: Caller, folderFd: number, image: string, wanted: 'reading' | 'writing'): number {
  const open = (access: number): number =>
    openSync(`/proc/self/fd/${folderFd}/${basename(image)}`, access | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  let fd: number;
  try {
    fd = open(wanted === 'reading' ? constants.O_RDONLY : constants.O_RDWR);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? '';
    const owner =
      wanted === 'writing' && cannotWrite.has(code) ? ownerIfOpened(() => open(constants.O_RDONLY)) : undefined;
    if (owner === undefined) throw cannotOpen('image', image, error, exitCode.noInput);
    throw owner === caller.uid ? onlyReadable(image, code === 'EROFS') : ofAnotherUser(image);
  }
  const stat = fstatSync(fd);
  if (!stat.isFile()) throw refused('image', 'it is not a regular file');
  // In a user namespace of its own the ghost has every right over the user's files, with any permissions.
  if (wanted === 'writing' && caller.isolation === 'private' && (stat.mode & 0o200) === 0) {
    closeSync(fd);
    throw onlyReadable(image, false);
  }
  if (stat.uid === caller.uid) return fd;
  closeSync(fd);
  throw ofAnotherUser(image);
}

const cannotWrite: ReadonlySet<string> = new Set(['EACCES', 'EPERM', 'EROFS']);

/** Whose a file is; undefined if it cannot be opened. */
function ownerIfOpened(open: () => number): number | undefined {
  let fd: number;
  try {
    fd = open();
  } catch {
    return undefined;
  }
  const {uid} = fstatSync(fd);
  closeSync(fd);
  return uid;
}

function openOwned(caller: Caller, path: string, what: string): number {
  return requireOwned(caller, openNamed(path, what, directory, exitCode.cannotCreate), what);
}

function requireOwned(caller: Caller, fd: number, what: string, stat: Stats = fstatSync(fd)): number {
  if (stat.uid === caller.uid) return fd;
  closeSync(fd);
  throw refused(what, 'it belongs to another user');
}

/** A terminal is a character device of the caller's; opening it must not make it the ghost's controlling terminal. */
function openTerminal(caller: Caller, path: string): number | undefined {
  try {
    const fd = openSync(path, constants.O_RDWR | constants.O_NOCTTY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    const stat = fstatSync(fd);
    if (stat.isCharacterDevice() && stat.uid === caller.uid) return fd;
    closeSync(fd);
  } catch {
    // Such as a terminal handed over by `su`: it belongs to somebody else, and so does its protection.
  }
  return undefined;
}

/**
 * A socket or file of the caller's that the session gets. One that is gone by now is left out: its service has ended.
 * Safe as root: the caller could open it too, and it is bound in the caller's own ghost only.
 */
function openShared(caller: Caller, from: string, name: string): OpenedShare | undefined {
  let fd: number;
  try {
    fd = openNamed(from, 'shared file', placeOnly, exitCode.noInput);
  } catch (error) {
    if (error instanceof Failure && error.code === exitCode.noInput) return undefined;
    throw error;
  }
  const stat = fstatSync(fd);
  if (!stat.isSocket() && !stat.isFile()) throw refused('shared file', 'it is neither a socket nor a regular file');
  return {fd: requireOwned(caller, fd, 'shared file', stat), name};
}

/**
 * A key file may be anything that the caller can read: a regular file, a FIFO, another process's pipe. It is opened
 * without waiting: a FIFO that nobody writes to would hold the ghost where no signal and no end of the CLI reaches it.
 */
function openKeyFile(path: string): number {
  try {
    return openSync(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
  } catch (error) {
    throw cannotOpen('passphrase or key file', path, error, exitCode.noInput);
  }
}

/**
 * Opens an absolute path, none of its names through a symbolic link. The CLI has resolved the user's own links; one that
 * appears since is somebody's race.
 */
export function openNamed(path: string, what: string, flags: number, missing: ExitCode): number {
  return orRefuse(what, missing, () => openStepwise(path, flags));
}

function orRefuse(what: string, missing: ExitCode, open: () => number): number {
  try {
    return open();
  } catch (error) {
    throw cannotOpen(what, `/${(error as NodeJS.ErrnoException).path ?? ''}`, error, missing);
  }
}
