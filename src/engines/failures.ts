import {dirname} from 'node:path';
import {exitCode, type ExitCode} from '../foundation/exit-code.ts';
import {Failure} from '../foundation/failure.ts';
import type {EngineId} from '../lifecycle/plan.ts';
import {shellWord} from '../foundation/shell-word.ts';
import type {LossReason, Refusal} from './engine.ts';
import type {Feature} from './ext4-features.ts';

// Choosing an engine

/** What an engine, or a file system, is refused for. */
export function refusedFor({what, why, next}: Refusal, code: ExitCode, cause?: unknown): Failure {
  return new Failure(code, what, {why, next, cause});
}

export function noEngine(wanted: EngineId | undefined, built: readonly EngineId[]): Failure {
  return new Failure(
    exitCode.unavailable,
    wanted === undefined ? 'There is no engine.' : `This TazPod has no ${wanted} engine.`,
    {why: `It was built with: ${built.join(', ')}.`, next: 'tazpod vault unlock'},
  );
}

// The image and its mapping

export function imageCutShort(): Failure {
  return new Failure(exitCode.data, 'This image ends before its data begins.');
}

export function oldMappingInUse(device: string, mapping: string): Failure {
  return new Failure(exitCode.busy, 'The vault was closed, but a process still uses its old mapping.', {
    why: `A process has ${device} open or mounted, which now returns only errors.`,
    next: `sudo dmsetup info ${mapping}; lsblk /dev/${device}`,
  });
}

export function mappedElsewhere(mapping: string): Failure {
  return new Failure(exitCode.busy, 'The vault is already open, by hand or in another program.', {
    why: `The kernel has a mapping of its image, ${mapping}.`,
    next: `sudo cryptsetup close ${mapping}`,
  });
}

/**
 * The Failure for a mapping of another image. Two of one UUID look the same and have one name; the other
 * engine needs neither.
 */
export function copyIsOpen(mapping: string): Failure {
  return new Failure(exitCode.busy, 'A copy of this vault is open.', {
    why: `The kernel has a mapping of the same LUKS UUID on another image, ${mapping}.`,
    next: 'tazpod vault unlock --engine fuse',
  });
}

export function noMapping(said: string): Failure {
  return new Failure(exitCode.unavailable, 'The kernel did not create a mapping for the vault.', {
    why: 'There is no free loop device, or this container may not make one or use device-mapper.',
    next: 'tazpod vault unlock --engine fuse',
    cause: said,
  });
}

export function noFreeNode(why: string): Failure {
  return new Failure(exitCode.unavailable, 'The kernel did not create a mapping for the vault.', {
    why: `For its image: ${why}.`,
    next: 'tazpod vault unlock --engine fuse',
  });
}

export function noReadOnlyImage(stderr: Buffer): Failure {
  return new Failure(exitCode.unavailable, 'The kernel did not make the image read-only for the vault.', {
    next: 'tazpod vault unlock --read-only --engine fuse',
    cause: stderr.toString('latin1'),
  });
}

export function keyNotAccepted(encryption: string, stderr: Buffer): Failure {
  return new Failure(exitCode.unavailable, 'The kernel did not accept the key of the vault.', {
    why: `It may lack the cipher ${encryption}, or a module for it.`,
    next: 'sudo dmesg | tail',
    cause: stderr.toString('latin1'),
  });
}

export function mappingNotStarted(stderr: Buffer): Failure {
  return new Failure(exitCode.unavailable, 'The kernel did not start the mapping of the vault.', {
    next: 'sudo dmesg | tail',
    cause: stderr.toString('latin1'),
  });
}

export function mappingNotChanged(stderr: Buffer): Failure {
  return new Failure(exitCode.unavailable, 'The kernel did not change the mapping of the vault.', {
    next: 'sudo dmesg | tail',
    cause: stderr.toString('latin1'),
  });
}

export function mappingNotReleased(mapping: string, stderr: Buffer): Failure {
  return new Failure(exitCode.busy, 'The kernel does not release the vault.', {
    why: 'Something has it open.',
    next: `sudo dmsetup info ${mapping}`,
    cause: stderr.toString('latin1'),
  });
}

// The FUSE engine

export function fuseMountRefused(stderr: Buffer): Failure {
  return new Failure(exitCode.unavailable, 'The kernel refused to mount the vault through FUSE.', {
    why: 'Mounting a FUSE file system needs root, or a user namespace of one’s own.',
    next: 'tazpod doctor',
    cause: stderr.toString(),
  });
}

export function serverNotStarted(said: string, signal: unknown, code: unknown): Failure {
  return new Failure(exitCode.software, 'The process that serves the vault did not start.', {
    next: 'run it again with --debug and report it',
    cause: `${said}It ended with ${String(signal ?? code)}.`,
  });
}

// The file system

export function tooSmallForFileSystem(leastBytes: number): Failure {
  return new Failure(exitCode.usage, 'The vault would be too small for a file system.', {
    why: `Its data needs at least ${leastBytes / 1024 / 1024} MiB.`,
    next: 'tazpod vault create --size 64M',
  });
}

export function fileSystemNotCreated(stderr: Buffer): Failure {
  return new Failure(exitCode.cannotCreate, 'The file system of the vault could not be created.', {
    why: 'mke2fs failed, usually because the disk of the image is full or faulty.',
    next: 'df -h',
    cause: stderr.toString(),
  });
}

export function superblockUnreadable(cause: unknown): Failure {
  return new Failure(exitCode.data, 'The file system in the vault cannot be read.', {
    why: 'The disk of the image returned an error.',
    next: 'sudo dmesg | tail',
    cause,
  });
}

export function fileSystemDamaged(imagePath: string, cause: string): Failure {
  return new Failure(exitCode.data, 'The file system in the vault is damaged.', {
    why: 'A repair needs decisions and may lose files. Copy the image before you try.',
    next: byHand({imageName: imagePath}, 'e2fsck -f'),
    cause,
  });
}

export function fileSystemUnchecked(imagePath: string, cause: string): Failure {
  return new Failure(exitCode.data, 'The file system in the vault cannot be checked.', {
    why: 'e2fsck failed: the disk of the image cannot be read, or something ended e2fsck.',
    next: `sudo dmesg | tail; ${byHand({imageName: imagePath}, 'e2fsck -n')}`,
    cause,
  });
}

/**
 * The refusal of a read-only session if the vault was not closed cleanly: without its journal and the repairs of e2fsck,
 * files might look older than they are, or be missing.
 */
export function notClosed(imagePath: string, cause?: unknown): Failure {
  return new Failure(exitCode.data, 'The vault was not closed cleanly, and cannot be opened read-only.', {
    why: 'e2fsck has to fix its file system first, and a read-only session changes nothing. Open it once for writing.',
    next: `tazpod vault exec --image ${shellWord(imagePath)} -- true`,
    ...(cause === undefined ? {} : {cause}),
  });
}

/** The failure of a program or kernel that is too old for features of a file system. */
export function needsNewer(program: 'e2fsprogs' | 'kernel', features: readonly Feature[], cause?: string): Failure {
  const names = features.map(({name, since}) => `${name} (since ${since![program].join('.')})`);
  return new Failure(exitCode.unavailable, `The file system in the vault needs a newer ${program}.`, {
    why: `It is not damaged: it has ${names.join(', ')}.`,
    next: program === 'kernel' ? 'uname -r' : 'apt-get install e2fsprogs',
    cause,
  });
}

export function noMountHere(byKernel: string, notFuse2fs: string): Failure {
  return new Failure(exitCode.unavailable, 'The file system of the vault cannot be mounted here.', {
    why: `The kernel: ${byKernel}. fuse2fs: ${notFuse2fs}.`,
    next: 'apt-get install fuse2fs',
  });
}

export function kernelDidNotMount(stderr: Buffer): Failure {
  return new Failure(exitCode.data, 'The kernel did not mount the file system of the vault.', {
    why: 'It is damaged in a way that e2fsck does not detect, or has features that this kernel does not support.',
    next: 'sudo dmesg | tail',
    cause: stderr.toString(),
  });
}

export function fuse2fsDidNotMount(said: string): Failure {
  return new Failure(exitCode.data, 'fuse2fs did not mount the file system of the vault.', {
    why: 'It has features that fuse2fs does not support, or FUSE cannot be used for it here.',
    next: 'tazpod doctor',
    cause: said,
  });
}

export function notMoved(stderr: Buffer): Failure {
  return new Failure(exitCode.unavailable, 'The vault could not be moved to its mount point.', {
    why: 'The kernel refused it.',
    next: 'tazpod doctor',
    cause: stderr.toString(),
  });
}

export function stillInUse(): Failure {
  return new Failure(exitCode.busy, 'The vault is still in use.', {
    why: 'A process uses it, or another mount namespace has it mounted.',
    next: 'tazpod vault status',
  });
}

// Lost data

const losses: Readonly<Record<LossReason, {what: string; why: string; next: (imagePath: string) => string}>> = {
  full: {
    what: 'The disk refused to store data of the vault.',
    why: 'It is full, or the quota of its owner is used up.',
    next: (imagePath) => `df -h ${dirname(imagePath)}`,
  },
  limit: {
    what: 'The kernel refused to store data of the vault.',
    why: 'The image is larger than the limit of file sizes allows.',
    next: () => 'ulimit -f unlimited',
  },
  error: {
    what: 'The disk refused to store data of the vault.',
    why: 'It reports errors.',
    next: () => 'sudo dmesg | tail',
  },
  ended: {
    what: 'The process that served the vault has ended.',
    why: 'It was killed, or the machine ran out of memory.',
    next: () => 'tazpod unlock',
  },
};

/** The image did not take what was written to the vault. The vault is not damaged by that. */
export function lossFailure(reason: LossReason, imagePath: string, cause?: unknown): Failure {
  const {what, why, next} = losses[reason];
  return new Failure(exitCode.ioError, what, {
    why: `${why} Data that was not synced before that is lost.`,
    next: next(imagePath),
    ...(cause === undefined ? {} : {cause}),
  });
}

/** The same while the session still runs. */
export function lossAlarm(reason: LossReason): string {
  const {what, why} = losses[reason];
  return `${what} ${why} Save your work outside the vault, then leave the session.`;
}

/** The same limit, met before anything could be written. */
export function fileSizeLimited(cause: unknown): Failure {
  return new Failure(exitCode.ioError, 'The limit of file sizes is too low for a vault.', {
    why: 'The ghost cannot lift it here: it is a hard limit, and root lacks the capability SYS_RESOURCE.',
    next: 'ulimit -Hf',
    cause,
  });
}

/** A command on the plaintext. It needs device-mapper, which not every machine that runs TazPod has. */
export function byHand(limits: {readonly imageName?: string}, command: string): string {
  return `sudo cryptsetup open ${nameOf(limits)} fix && sudo ${command} /dev/mapper/fix; sudo cryptsetup close fix`;
}

export function nameOf({imageName}: {readonly imageName?: string}): string {
  return imageName === undefined ? 'IMAGE' : shellWord(imageName);
}
