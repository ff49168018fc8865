import {run} from '../kernel/program.ts';
import {exitCode} from '../lifecycle/exit-code.ts';
import {Failure} from '../lifecycle/failure.ts';
import type {AttachedDevice} from './engine.ts';

/** Less than this has no room for a journal, and without one a crash costs more than the last seconds. */
export const smallestFileSystemBytes = 16 * 1024 * 1024;

/**
 * Features that every e2fsprogs and kernel of the last ten years can write. Newer versions of mke2fs turn on more by
 * default (orphan_file, metadata_csum_seed), and the vault could not be opened on the machine next door.
 *
 * metadata_csum is left out for the sake of fuse2fs, which has no journal and writes even the superblock in pieces. Of
 * a file system with checksums that it was killed in, e2fsck -p mended every second one; of those without, each of a
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
    throw new Failure(exitCode.usage, 'The vault would be too small for a file system.', {
      why: `Its data needs at least ${smallestFileSystemBytes / 1024 / 1024} MiB.`,
      next: 'tazpod vault create --size 64M',
    });
  }
  const extended = `root_owner=${owner.uid}:${owner.gid},nodiscard,lazy_itable_init=0,lazy_journal_init=0`;
  const options = ['-b', '4096', '-i', '8192', '-m', '0', '-e', 'remount-ro', '-O', features.join(','), '-E', extended];
  const {code, stderr} = await run('mke2fs', ['-q', '-F', '-t', 'ext4', ...options, device.path]);
  if (code === 0) return;
  throw new Failure(exitCode.cannotCreate, 'The file system of the vault could not be made.', {
    why: 'mke2fs failed; mostly the disk of the image is full or broken.',
    next: 'df -h',
    cause: stderr.toString(),
  });
}

/** Bits of e2fsck's exit code, see e2fsck(8). */
const corrected = 1;
const uncorrected = 4;

/**
 * Checks the file system, and mends what can be mended without asking: `e2fsck -p`, a moment for a vault that was
 * closed. Throws a Failure (65) with the commands to type when it needs a person, or is no ext4 at all.
 *
 * `imagePath` is for these commands only.
 */
export async function checkFileSystem(device: AttachedDevice, imagePath: string): Promise<'clean' | 'mended'> {
  await refuseWhereCutOff(device);
  const {code, stdout, stderr} = await run('e2fsck', ['-p', device.path]);
  if (code === 0) return 'clean';
  if (code === corrected) return 'mended';
  const cause = `${stdout.toString()}${stderr.toString()}`;
  const image = quoteForShell(imagePath);
  if (code !== null && (code & uncorrected) !== 0) {
    throw new Failure(exitCode.data, 'The file system in the vault is damaged.', {
      why: 'It cannot be mended without decisions, and may lose files. Copy the image before you try.',
      // Needs device-mapper, which not every machine that runs TazPod has; the image can be carried to one that has.
      next: `sudo cryptsetup open ${image} check && sudo e2fsck -f /dev/mapper/check; sudo cryptsetup close check`,
      cause,
    });
  }
  throw new Failure(exitCode.data, 'There is no ext4 file system in the vault that can be checked.', {
    why: 'The vault was filled by another program, or its disk cannot be read.',
    next: `sudo cryptsetup open ${image} look && sudo blkid -p /dev/mapper/look; sudo cryptsetup close look`,
    cause,
  });
}

/**
 * Refuses an image that ends before its file system does. `e2fsck -p` would find that out too, but only after it has
 * noted an error in the file system; a copy that broke off is to stay as it is.
 */
async function refuseWhereCutOff(device: AttachedDevice): Promise<void> {
  const {stdout} = await run('dumpe2fs', ['-h', device.path]);
  const header = stdout.toString('latin1');
  const [, blocks] = /^Block count:\s+(\d+)$/m.exec(header) ?? [];
  const [, blockSizeBytes] = /^Block size:\s+(\d+)$/m.exec(header) ?? [];
  // What is no ext4 says nothing here, and is told by e2fsck.
  if (blocks === undefined || blockSizeBytes === undefined) return;
  if (Number(blocks) * Number(blockSizeBytes) <= device.sizeBytes) return;
  throw new Failure(exitCode.data, 'The image is shorter than the file system in it.', {
    why: 'It was cut off, as by a copy that broke off. Nothing was changed.',
    next: 'take a whole copy of the image',
  });
}

/** One word of a command that a person may copy, whatever the path is made of. */
function quoteForShell(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`;
}
