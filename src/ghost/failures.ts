import {exitCode, type ExitCode} from '../foundation/exit-code.ts';
import {Failure} from '../foundation/failure.ts';
import type {KeySlot} from '../lifecycle/message.ts';
import type {Isolation} from '../lifecycle/plan.ts';
import {shellWord} from '../foundation/shell-word.ts';
import {printablePath} from '../foundation/printable.ts';

// Who starts the ghost, and where

export function notByHand(): Failure {
  return new Failure(exitCode.usage, 'This is the privileged half of TazPod; do not start it by hand.', {
    next: 'tazpod help',
  });
}

export function reservedForGhost(): Failure {
  return new Failure(exitCode.noPermission, 'This call is reserved for the ghost itself.');
}

export function unknownUser(uid: number): Failure {
  return new Failure(exitCode.noPermission, `User ${uid} is not in the login name database.`, {
    why: 'TazPod reads your home directory from there, and mount points must be below it.',
    next: 'getent passwd',
  });
}

export function noMounts(): Failure {
  return new Failure(exitCode.unavailable, 'The kernel refuses every mount.', {
    why: 'A security module forbids them, for example Docker’s AppArmor profile for containers.',
    next: 'docker run --security-opt apparmor=unconfined --cap-add SYS_ADMIN --device /dev/fuse …',
  });
}

export function noMountNamespace(): Failure {
  return new Failure(exitCode.unavailable, 'The kernel refuses a mount namespace.', {
    why: 'Root lacks the capability SYS_ADMIN, for example in a container that was started without it.',
    next: 'docker run --cap-add SYS_ADMIN --device /dev/fuse …',
  });
}

export function noUserNamespaceForUser(): Failure {
  return new Failure(exitCode.unavailable, 'The kernel refuses a user namespace, and TazPod does not run as root.', {
    why: 'Unprivileged user namespaces are switched off or restricted.',
    next: 'tazpod doctor',
  });
}

export function noUserNamespace(): Failure {
  return new Failure(exitCode.unavailable, 'The kernel refuses a user namespace.', {
    why: 'Without one, nothing hides a session from other processes of its user.',
    next: 'tazpod doctor',
  });
}

export function connectionLost(): Failure {
  return new Failure(exitCode.noPermission, 'The ghost lost the connection to the command that started it.', {
    next: 'tazpod vault unlock',
  });
}

export function internalError(error: unknown): Failure {
  return new Failure(exitCode.software, 'Internal error in the ghost. This is a bug in TazPod.', {
    why: error instanceof Error ? error.message : 'It threw a value that is not an error.',
    next: 'run it again with --debug and report it',
    cause: error,
  });
}

// The plan

export function planUnreadable(why: string): Failure {
  return new Failure(exitCode.noPermission, 'The plan cannot be read.', {why, next: 'tazpod help'});
}

export function malformed(field: string): Failure {
  return new Failure(exitCode.data, `The plan is malformed at \`${field}\`.`, {
    why: 'The two halves of TazPod are of different versions, or the plan was not written by TazPod.',
    next: 'tazpod doctor',
  });
}

// The image

export function imageExists(image: string): Failure {
  return new Failure(exitCode.cannotCreate, `${printablePath(image)} already exists.`, {
    why: 'TazPod never overwrites a file with a new vault.',
    next: 'tazpod vault unlock',
  });
}

export function ofAnotherUser(image: string): Failure {
  return new Failure(exitCode.noPermission, 'The image is refused: it belongs to another user.', {
    why: 'TazPod opens a vault only for the owner of its image. Copy the image to open it.',
    next: `cp ${shellWord(image)} ~/copy.img && tazpod vault unlock --image ~/copy.img`,
  });
}

/** The Failure for an image that the caller can read and not write. */
export function onlyReadable(image: string, ofFileSystem: boolean): Failure {
  const path = printablePath(image);
  return new Failure(exitCode.noPermission, `The image at ${path} is not writable.`, {
    why: ofFileSystem
      ? 'It is on a read-only file system, and an open vault writes to its image unless it is opened read-only.'
      : 'Its permissions do not let you write it, and an open vault writes to its image unless it is opened read-only.',
    next: `tazpod vault unlock --read-only --image ${shellWord(image)}`,
  });
}

export function cannotOpen(what: string, path: string, error: unknown, missing: ExitCode): Failure {
  const code = (error as NodeJS.ErrnoException).code;
  switch (code) {
    case 'ENOENT':
      return new Failure(missing, `There is no ${what} at ${printablePath(path)}.`, {
        next: what === 'image' ? 'tazpod vault create' : `mkdir -m 0700 ${printablePath(path)}`,
      });
    case 'ELOOP':
    case 'ENOTDIR':
      return refused(what, `${printablePath(path)} is a symbolic link or not a directory`);
    case 'EACCES':
    case 'EPERM':
      return new Failure(exitCode.noPermission, `You cannot open the ${what} at ${printablePath(path)}.`, {
        ...(what === 'image' ? {why: 'Its permissions do not let you read it.'} : {}),
        next: what === 'image' ? `chmod u+r ${printablePath(path)}` : `ls -ld ${printablePath(path)}`,
      });
    default:
      return new Failure(exitCode.noPermission, `The ${what} at ${printablePath(path)} cannot be opened.`, {
        why: `The kernel returned ${code ?? 'an error'}.`,
      });
  }
}

export function refused(what: string, why: string): Failure {
  return new Failure(exitCode.noPermission, `The ${what} is refused: ${why}.`, {next: 'tazpod vault status'});
}

export function imageNotPublished(stderr: Buffer): Failure {
  return new Failure(exitCode.cannotCreate, 'The image could not be created under its name.', {
    why: 'A file with that name appeared in the meantime, or its directory does not accept new files.',
    next: 'tazpod vault status',
    cause: stderr.toString('utf8'),
  });
}

export function directoryNotWritable(cause: unknown): Failure {
  return new Failure(exitCode.cannotCreate, 'The directory of the image does not accept new files.', {cause});
}

export function noSpace(sizeBytes: number): Failure {
  return new Failure(exitCode.cannotCreate, 'Not enough space for the image.', {
    why: `The file system, or the user's quota, does not have ${Math.ceil(sizeBytes / 2 ** 20)} MiB left.`,
    next: 'tazpod vault create --size SIZE',
  });
}

export function imageLocked(waitedSeconds: number): Failure {
  return new Failure(exitCode.busy, 'Another process has the image of the vault locked.', {
    why:
      `Waited ${waitedSeconds} s. It may be opening or closing the vault, asking for its passphrase in another window, ` +
      'or running in another container.',
    next: 'tazpod vault status',
  });
}

export function alreadyOpen(isolation: Isolation, ifOpen: 'join' | 'refuse'): Failure {
  return new Failure(exitCode.busy, 'The vault is already open.', {
    why:
      ifOpen === 'refuse'
        ? 'One of your ghosts has it open, and this command does not join it.'
        : `One of your ghosts has it open with ${isolation} isolation; join it with --isolation ${isolation}.`,
    next: 'tazpod vault status',
  });
}

export function lockedByProcess(sessions: number): Failure {
  return new Failure(exitCode.busy, 'The vault is still in use.', {
    why:
      sessions > 0
        ? 'Its session has ended, but a process still holds the image.'
        : 'A process without a session holds the image: it may be asking for the passphrase in another window, or ' +
          'run in another container.',
    next: 'tazpod vault status',
  });
}

export function noCopyOfRemovedImage(): Failure {
  return new Failure(exitCode.ioError, 'The image was removed while the vault was open, and no copy of it was found.', {
    why: 'The shell that opened the vault reports what happened to it.',
    next: 'restore the image from a backup',
  });
}

const imageRemoved = 'The image of the vault was removed or replaced while the vault was open.';

export function imageSaved(path: string): Failure {
  return new Failure(exitCode.ioError, imageRemoved, {
    why: `A copy with everything that was in the vault is at ${path}.`,
    next: `tazpod vault unlock --image ${path}`,
  });
}

export function imageNotSaved(error: unknown): Failure {
  return new Failure(exitCode.ioError, imageRemoved, {
    why: `TazPod could not save it, and its data is lost: ${error instanceof Error ? error.message : 'no copy could be made'}`,
    next: 'restore the image from a backup',
    cause: error,
  });
}

// The passphrase

export function noTerminalForPassphrase(): Failure {
  return new Failure(exitCode.noPermission, 'TazPod cannot ask for the passphrase: there is no terminal.', {
    next: 'tazpod vault unlock --passphrase-file FILE',
  });
}

export function echoStaysOn(): Failure {
  return new Failure(exitCode.unavailable, 'The terminal would show the passphrase.', {
    why: 'stty cannot switch its echo off.',
    next: 'tazpod vault unlock --passphrase-file FILE',
  });
}

export function keyUnreadable(error: unknown): Failure {
  return new Failure(exitCode.noInput, 'The passphrase or key cannot be read.', {
    why: `The kernel returned ${(error as NodeJS.ErrnoException).code ?? 'an error'}.`,
  });
}

export function passphraseTooLong(maximumBytes: number): Failure {
  return new Failure(exitCode.usage, `The passphrase is longer than ${maximumBytes} bytes.`, {
    why: 'cryptsetup does not accept a longer one at its prompt.',
    next: 'tazpod vault unlock --key-file FILE',
  });
}

export function keyFileTooLarge(): Failure {
  return new Failure(exitCode.usage, 'The key file is larger than 8 MiB.', {
    why: 'cryptsetup does not read more than that.',
  });
}

export function passphraseEmpty(): Failure {
  return new Failure(exitCode.usage, 'The passphrase is empty.', {
    why: 'Without a passphrase, everybody who has the image can read its secrets.',
  });
}

export function passphraseUntypable(what: string): Failure {
  return new Failure(exitCode.usage, `The passphrase ${what}.`, {
    why: 'It would be a part of the passphrase, and nobody could type it. No vault was created.',
    next: "save the file as UTF-8 without a mark and with Unix line endings: sed -i 's/\\r$//' FILE",
  });
}

export function passphrasesDiffer(): Failure {
  return new Failure(exitCode.noPermission, 'The passphrases do not match.', {
    why: 'No vault was created.',
    next: 'tazpod vault create',
  });
}

// The session

export function justEnded(): Failure {
  return new Failure(exitCode.busy, 'The ghost ended just before this command could join it.', {
    next: 'tazpod vault unlock',
  });
}

export function foreignOwner(owner: string, sessionUid: number, adopt: string): Failure {
  return new Failure(exitCode.noPermission, `The files in the vault belong to another account, ${owner}.`, {
    why: `You are uid ${sessionUid} here, and only its owner can enter the top directory of the vault.`,
    next: adopt,
  });
}

export function registryNotRoots(registry: string): Failure {
  return new Failure(exitCode.unavailable, `${registry} is not a directory that only root may change.`, {
    next: `sudo mv ${registry} ${registry}.old`,
  });
}

export function noOwnSockets(stderr: Buffer): Failure {
  return new Failure(exitCode.unavailable, 'The session cannot have socket directories of its own.', {
    why: stderr.toString('utf8').trim(),
    next: 'tazpod doctor',
  });
}

export function noOwnTerminal(stderr: Buffer): Failure {
  return new Failure(exitCode.unavailable, 'The session cannot have a terminal of its own.', {
    why: stderr.toString('utf8').trim(),
    next: 'tazpod doctor',
  });
}

export function noTmpfs(stderr: Buffer): Failure {
  return new Failure(exitCode.unavailable, 'The ghost cannot mount a tmpfs.', {
    why: stderr.toString('utf8').trim(),
    next: 'tazpod doctor',
  });
}

export function vaultIsOpen(): Failure {
  return new Failure(exitCode.busy, 'The vault is open.', {next: 'tazpod vault lock'});
}

export function adoptNeedsRoot(): Failure {
  return new Failure(exitCode.unavailable, 'Only root can change the owner of the files in a vault.', {
    why: 'This ghost has no privilege: sudo does not let you run it, or --isolation private was given.',
    next: 'tazpod vault adopt --isolation sealed',
  });
}

export function fileStillOpen(cause: unknown): Failure {
  return new Failure(exitCode.busy, 'A process outside the session still has a file in the vault open.', {
    why: 'The vault is closed anyway; the process can no longer read or write the file.',
    cause,
  });
}

// Bridges

export function bridgeNotMounted(stderr: Buffer): Failure {
  return new Failure(exitCode.unavailable, 'A bridge cannot be mounted.', {
    why: stderr.toString('utf8').trim(),
  });
}

export function bridgeRefused(path: string, code: string, end: 'home' | 'vault'): Failure {
  const reasons: Readonly<Record<string, string>> = {
    ELOOP: 'it is a symbolic link, or not a directory',
    ENOTDIR: 'it, or a directory above it, is a symbolic link or a file',
    EPERM: 'it belongs to another user',
    EACCES: 'the user cannot create or open it',
    ENOSPC: 'there is no space to create it',
  };
  return new Failure(exitCode.noPermission, `The bridge at ${path} is refused.`, {
    why: `A bridge must be a directory that belongs to the user: ${reasons[code] ?? 'the kernel refuses to create or open it'}.`,
    next: end === 'home' ? `ls -ld ${path}` : 'tazpod config',
  });
}

export function bridgesNotPrepared(): Failure {
  return new Failure(exitCode.software, 'The bridges could not be prepared.', {
    why: 'The process that prepares them ended without an answer.',
    next: 'tazpod doctor',
  });
}

/** The key opens none of the key slots. */
export class WrongPassphrase extends Failure {
  readonly #image: string;

  constructor(image: string, doubt?: string) {
    const why = `It does not open any key slot of ${image}.`;
    super(exitCode.noPermission, 'The passphrase or key is wrong.', {
      why: doubt === undefined ? why : `${why} ${doubt}`,
      next: 'tazpod vault unlock',
    });
    this.#image = image;
  }

  /** The same, with what may be wrong with the key. */
  because(doubt: string | undefined): WrongPassphrase {
    return new WrongPassphrase(this.#image, doubt);
  }
}

// Keys

export function noSuchKey(asked: string): Failure {
  return new Failure(exitCode.usage, `The vault has no key named "${asked}".`, {next: 'tazpod vault key list'});
}

export function keyNameTaken(name: string): Failure {
  return new Failure(exitCode.usage, `The vault already has a key named "${name}".`, {next: 'tazpod vault key list'});
}

export function keyOfAnotherProgram({slot, token}: KeySlot): Failure {
  return new Failure(exitCode.usage, `Another program has enrolled the key in slot ${slot} (${token}).`, {
    why: 'TazPod does not replace such a key. Add a key, and remove the old one where it was enrolled.',
    next: 'tazpod vault key add',
  });
}

/** `of` is the key that was given. */
export function recoveryKeyStays(of: KeySlot): Failure {
  return new Failure(exitCode.usage, 'This is a recovery key, which stays as it is.', {
    why: 'If you no longer know a passphrase, add another key with the recovery key, and remove the old one.',
    next: `tazpod vault key add && tazpod vault key list # the recovery key is in slot ${of.slot}`,
  });
}

export function givenKeyGoes(target: KeySlot): Failure {
  return new Failure(exitCode.usage, `The key that was given is ${nameOfKey(target)}, the one to be removed.`, {
    why: 'To remove a key, give one that stays: that proves that the vault still opens.',
    next: `tazpod vault key remove ${target.name ?? target.slot}`,
  });
}

export function lastKeyForPeople(target: KeySlot, left: readonly KeySlot[]): Failure {
  return new Failure(exitCode.usage, `${nameOfKey(target)} is the last key that you can type.`, {
    why:
      left.length === 0
        ? 'Without it nobody could open the vault again.'
        : 'The other keys need a device or a file. If it is lost, nobody could open the vault again.',
    next: 'tazpod vault key add',
  });
}

function nameOfKey({slot, name}: KeySlot): string {
  return name === undefined ? `Key slot ${slot}` : `Key "${name}"`;
}
