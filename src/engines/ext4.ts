import {closeSync, constants, openSync} from 'node:fs';
import {setTimeout as sleep} from 'node:timers/promises';
import {runConfined} from '../confined/run-confined.ts';
import {findProgram, type ProgramName, programPath, type ProgramResult} from '../kernel/program.ts';
import type {AttachedDevice} from './engine.ts';
import {has, newerThan, type Version} from './ext4-features.ts';
import {
  fileSystemDamaged,
  fileSystemNotCreated,
  fileSystemUnchecked,
  lossFailure,
  needsNewer,
  notClosed,
  tooSmallForFileSystem,
} from './failures.ts';
import {readVettedSuperblock, type VettedSuperblock} from './vet-superblock.ts';

/** Less than this has no room for a journal, and without one a crash costs more than the last seconds. */
const smallestFileSystemBytes = 16 * 1024 * 1024;

/**
 * Features that every e2fsprogs and kernel of the last ten years can write. Newer versions of mke2fs turn on more by
 * default (orphan_file, metadata_csum_seed), and the vault could not be opened on the machine next door.
 *
 * metadata_csum is left out for the sake of fuse2fs, which has no journal and writes even the superblock in pieces. Of
 * a file system with checksums that it was killed in, e2fsck -p fixed every second one; of those without, each of a
 * hundred, with everything in it that was synced.
 */
const features = [
  'none',
  'dir_index',
  'dir_nlink',
  'ext_attr',
  'extent',
  'extra_isize',
  'filetype',
  'flex_bg',
  'has_journal',
  'huge_file',
  'large_file',
  'resize_inode',
  'sparse_super',
];

/**
 * Makes an empty ext4 whose root belongs to `owner`. What was on the device is lost.
 *
 * Blocks are of 4096 bytes, however small the file system: dm-crypt on a segment with sectors of that size could not
 * mount smaller ones. Everything is written now, so that the kernel has nothing to initialise in the background, and
 * nothing is discarded, so that the image keeps the space it was given.
 */
export async function makeFileSystem(
  device: AttachedDevice,
  owner: {readonly uid: number; readonly gid: number},
): Promise<void> {
  if (device.sizeBytes < smallestFileSystemBytes) {
    throw tooSmallForFileSystem(smallestFileSystemBytes);
  }
  const extended = `root_owner=${owner.uid}:${owner.gid},nodiscard,lazy_itable_init=0,lazy_journal_init=0`;
  const options = ['-b', '4096', '-i', '8192', '-m', '0', '-e', 'remount-ro', '-O', features.join(','), '-E', extended];
  const {code, stderr} = await onDevice(device, 'sh', [
    '-c',
    `"$@" ${givenFile} || exit; ${keepFilesPrivate()}`,
    'sh',
    ...[programPath('mke2fs'), '-q', '-F', '-t', 'ext4', ...options],
  ]);
  if (code === 0) return device.savePinned();
  throw fileSystemNotCreated(stderr);
}

/** Under this name a confined program opens the device, see `runConfined`. */
const givenFile = '/proc/self/fd/3';

/** A check of a terabyte takes less, and a file system can be made so that a check would take for ever. */
const limits = {cpuSeconds: 3600, memoryMiB: 4096};

/**
 * Runs a program of e2fsprogs on the device of a vault and on nothing else.
 *
 * Anyone with the image and its passphrase chooses what lies there, and e2fsprogs have met images that made
 * them run foreign code (CVE-2019-5094, CVE-2019-5188, CVE-2022-1304). They also follow what a superblock says:
 * e2fsck opens the journal that one names, by its UUID, and writes it. So they are confined: there is no other device to
 * be opened, and what they can be made to write lies in the image. Nothing is believed of them but an exit code, and the
 * superblock is vetted before and after.
 */
async function onDevice(
  {path, readOnly}: AttachedDevice,
  program: ProgramName,
  args: readonly string[],
): Promise<ProgramResult> {
  const fd = openSync(path, readOnly ? constants.O_RDONLY : constants.O_RDWR);
  try {
    return await runConfined(program, args, {files: [fd], limits});
  } finally {
    closeSync(fd);
  }
}

/** How long a loss may need to be reported, after the program that met it has ended. */
const lossGraceMs = 200;

/** Bits of e2fsck's exit code, see e2fsck(8). */
const corrected = 1;
const uncorrected = 4;

/**
 * Vets the superblock and checks the file system, and fixes what can be fixed without asking. Throws a Failure (65)
 * with the commands to type when it needs a person, or is no ext4 that TazPod opens. An image that ends before its file
 * system does stays as it is. On a device that is read-only, e2fsck only looks.
 *
 * `e2fsck -p` believes a file system that is marked as closed cleanly, and takes a moment; after every other end,
 * `e2fsck -f` reads all of its metadata, which the replay of the journal alone would not do. So what a crash leaves is
 * found here. What was damaged later, under a mark that says clean, is found by the driver when it meets it, and the
 * file system becomes read-only (`errors=remount-ro`). No check makes a file system safe that somebody has forged:
 * docs/SECURITY.md says who reads it with which power.
 *
 * `imagePath` is for the commands to type only.
 */
export async function checkFileSystem(device: AttachedDevice, imagePath: string): Promise<'clean' | 'mended'> {
  const superblock = readVettedSuperblock(device, imagePath);
  // Its journal has what the rest of it does not know yet, and nobody replays it in a vault that is read-only.
  if (device.readOnly && has(superblock.features, 'needs_recovery')) throw notClosed(imagePath);
  const mode = device.readOnly ? ['-n'] : wasClosed(superblock) ? ['-p'] : ['-p', '-f'];
  const {code, stdout, stderr} = await onDevice(device, 'e2fsck', [...mode, givenFile]);
  if (code === 0 || code === corrected) {
    // Where the first superblock does not please it, e2fsck takes a copy from elsewhere in the image.
    readVettedSuperblock(device, imagePath);
    if (code === corrected) device.savePinned();
    return code === 0 ? 'clean' : 'mended';
  }
  const cause = `${stdout.toString('latin1')}${stderr.toString('latin1')}`;
  const loss = await Promise.race([device.lost, sleep(lossGraceMs)]);
  if (loss !== undefined) throw lossFailure(loss, imagePath, cause);
  if (code !== null && (code & uncorrected) !== 0) {
    if (device.readOnly) throw notClosed(imagePath, cause);
    throw fileSystemDamaged(imagePath, cause);
  }
  const newer = newerThan(superblock.features, 'e2fsprogs', await versionOfE2fsprogs());
  if (newer.length > 0) throw needsNewer('e2fsprogs', newer, cause);
  throw fileSystemUnchecked(imagePath, cause);
}

/** Bits of a superblock's state. */
const cleanlyUnmounted = 1;
const withErrors = 2;

/** Whether the last driver has written to the end, and met no error. */
function wasClosed({state, features}: VettedSuperblock): boolean {
  return (state & cleanlyUnmounted) !== 0 && (state & withErrors) === 0 && !has(features, 'needs_recovery');
}

/** Numbers of e2fsck's own; the newest there can be where it does not say them. */
async function versionOfE2fsprogs(): Promise<Version> {
  const {stderr} = await runConfined('e2fsck', ['-V'], {files: [], limits});
  const [, major, minor] = /^e2fsck (\d+)\.(\d+)/m.exec(stderr.toString('latin1')) ?? [];
  return [Number(major ?? Infinity), Number(minor ?? 0)];
}

/**
 * Shell code that gives the root directory of a new file system a default ACL: what is made in it, and below, is for its
 * owner alone, with any umask of a session. Without debugfs(8) the umask has to do that (`launch.ts`).
 */
function keepFilesPrivate(): string {
  const debugfs = findProgram('debugfs');
  if (debugfs === undefined) return 'exit 0';
  const command = `${debugfs} -w -R 'ea_set -f /proc/self/fd/0 / system.posix_acl_default' ${givenFile}`;
  return `printf '${ownerOnly}' | ${command}; exit 0`;
}

/**
 * An ACL as setxattr(2) takes it (linux/posix_acl_xattr.h), for printf(1): version 2; then, each with its permissions and
 * no id, the owner (1), the group (4) and everybody else (0x20).
 */
const ownerOnly = [
  '\\2\\0\\0\\0',
  ...['\\1\\0\\7', '\\4\\0\\0', '\\40\\0\\0'].map((entry) => `${entry}\\0${'\\377'.repeat(4)}`),
].join('');
