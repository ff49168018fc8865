import {closeSync, constants, openSync} from 'node:fs';
import {readWhole} from '../foundation/whole-bytes.ts';
import {exitCode} from '../foundation/exit-code.ts';
import {quoteUntrusted} from '../luks/untrusted-text.ts';
import type {Refusal} from './engine.ts';
import {featuresOf, has, unknownBits} from './ext4-features.ts';
import {byHand, nameOf, refusedFor, superblockUnreadable} from './failures.ts';
import {parseSuperblock, superblockAt, superblockMagic, wide, type Superblock} from './superblock.ts';

declare const vetted: unique symbol;

/** A superblock that passed. Only `readVettedSuperblock` makes one, and nothing is mounted without. */
export type VettedSuperblock = Superblock & {readonly [vetted]: true};

export type SuperblockLimits = {
  /** The size of what the file system lies on. */
  readonly deviceSizeBytes: number;
  /** Path of the image, for the commands to type. */
  readonly imageName?: string;
};

type Rule = (superblock: Superblock, limits: SuperblockLimits) => Refusal | undefined;

/** The rules that a superblock must pass, in this order, so that the sentence names the cause and not a consequence. */
const rules: readonly Rule[] = [
  vetKind,
  vetFeatures,
  vetJournal,
  vetMountOptions,
  vetErrorBehaviour,
  vetBlocks,
  vetInodes,
  vetGroups,
  vetRest,
  vetSize,
];

/**
 * Judges a superblock before a kernel, e2fsck or fuse2fs acts on it. A person who has an image and its passphrase may
 * have written anything into it, and a superblock reaches beyond its file system: it can name a device of the machine
 * for its journal, carry mount options of its own, and ask for a panic of the kernel.
 *
 * Pure: no file, no program. What is dynamic (counters, times, labels) is not looked at: e2fsck fixes it.
 */
export function vetSuperblock(bytes: Buffer, limits: SuperblockLimits): Superblock | {readonly refused: Refusal} {
  if (bytes.length !== superblockAt.sizeBytes) return {refused: noFileSystem(limits)};
  const superblock = parseSuperblock(bytes);
  for (const rule of rules) {
    const refused = rule(superblock, limits);
    if (refused !== undefined) return {refused};
  }
  return superblock;
}

/** Reads and vets the superblock of a device. Throws a Failure (65) where it does not pass. */
export function readVettedSuperblock(
  device: {readonly path: string; readonly sizeBytes: number},
  imageName?: string,
): VettedSuperblock {
  const verdict = vetSuperblock(readSuperblock(device.path), {
    deviceSizeBytes: device.sizeBytes,
    ...(imageName === undefined ? {} : {imageName}),
  });
  if (!('refused' in verdict)) return verdict as VettedSuperblock;
  throw refusedFor(verdict.refused, exitCode.data);
}

function readSuperblock(path: string): Buffer {
  const fd = openSync(path, constants.O_RDONLY);
  try {
    const bytes = Buffer.alloc(superblockAt.sizeBytes);
    return bytes.subarray(0, readWhole(fd, bytes, superblockAt.offsetBytes));
  } catch (error) {
    throw superblockUnreadable(error);
  } finally {
    closeSync(fd);
  }
}

function vetKind(superblock: Superblock, limits: SuperblockLimits): Refusal | undefined {
  if (superblock.magic !== superblockMagic) return noFileSystem(limits);
  // 1: with features. 0: made by Linux.
  if (superblock.revision === 1 && superblock.creator === 0) return undefined;
  return {
    what: 'The file system in the vault is of a type that TazPod does not support.',
    why: 'It is a first-generation ext2, or another system than Linux created it.',
    next: 'tazpod vault create',
  };
}

function vetFeatures({features}: Superblock, limits: SuperblockLimits): Refusal | undefined {
  const unknown = unknownBits(features);
  if (unknown.length > 0) {
    return {
      what: 'The file system in the vault has features that this TazPod does not know.',
      why: `A newer e2fsprogs has created it, with these unknown features: ${unknown.join(', ')}.`,
      next: 'update TazPod, e2fsprogs and the kernel; tazpod doctor shows your versions',
    };
  }
  const refused = featuresOf(features).find(({answer}) => answer === 'refuses');
  if (refused === undefined) return undefined;
  return {
    what: `The file system in the vault has the feature ${refused.name}, which TazPod refuses.`,
    why: `${capitalise(refused.why!)}.`,
    next: refused.removable
      ? byHand(limits, `tune2fs -O ^${refused.name}`)
      : 'move its files by hand into a new vault: tazpod vault create',
  };
}

/** The journal is a file of the file system, the one with the number 8, or does not exist. */
function vetJournal({features, journal}: Superblock, limits: SuperblockLimits): Refusal | undefined {
  const external = journal.device !== 0 || !isZero(journal.uuid);
  if (!external) {
    const inside = journal.inode === 8 || (journal.inode === 0 && !has(features, 'has_journal'));
    return inside ? undefined : unsound('Its journal is not where it should be.', limits);
  }
  return {
    what: 'The file system in the vault keeps its journal outside of the vault.',
    why: 'The kernel would read and write another device of this machine, even one that belongs to root.',
    next: byHand(limits, 'tune2fs -f -O ^has_journal'),
  };
}

/** What `mke2fs` sets, and what is the kernel's own default: extended attributes, access control lists, `data=ordered`. */
const harmlessMountOptions = 0x4 | 0x8 | 0x40 | 0x200;

function vetMountOptions(
  {defaultMountOptions, mountOptionText}: Superblock,
  limits: SuperblockLimits,
): Refusal | undefined {
  if (!isZero(mountOptionText)) {
    const text = mountOptionText.toString('latin1').replaceAll('\0', ' ').trim();
    return {
      what: 'The file system in the vault contains its own mount options.',
      why: `It asks for ${quoteUntrusted(text)}.`,
      next: byHand(limits, 'tune2fs -E mount_opts='),
    };
  }
  // Bits 5 and 6 are one number, of which 2 is data=ordered.
  const rest = (defaultMountOptions & ~harmlessMountOptions) >>> 0;
  if (rest === 0) return undefined;
  return {
    what: 'The file system in the vault contains its own mount options.',
    why: `Its default mount options include 0x${rest.toString(16)}; some of these lose data in a crash.`,
    next: byHand(limits, 'tune2fs -o ^debug,^bsdgroups,^uid16,journal_data_ordered,^nobarrier,^discard,^nodelalloc'),
  };
}

/** 1: go on. 2: read-only, which is how TazPod mounts it in any case. 3 is a panic of the kernel. */
function vetErrorBehaviour({errorBehaviour}: Superblock, limits: SuperblockLimits): Refusal | undefined {
  if (errorBehaviour === 1 || errorBehaviour === 2) return undefined;
  return {
    what: 'The file system in the vault sets what this machine does on an error.',
    why: errorBehaviour === 3 ? 'It asks the kernel to panic.' : 'Its behaviour on errors has an unknown value.',
    next: byHand(limits, 'tune2fs -e remount-ro'),
  };
}

function vetBlocks(superblock: Superblock, limits: SuperblockLimits): Refusal | undefined {
  const {logBlockSize, logClusterSize, blocks, firstDataBlock, blocksPerGroup, clustersPerGroup} = superblock;
  if (logBlockSize > 2 || logClusterSize !== logBlockSize)
    return unsound('Its blocks have an impossible size.', limits);
  const sizeBytes = blockSizeBytes(superblock);
  if (firstDataBlock !== (sizeBytes === 1024 ? 1 : 0)) return unsound('It does not begin where it should.', limits);
  const perGroup = blocksPerGroup >= 8 && blocksPerGroup % 8 === 0 && blocksPerGroup <= 8 * sizeBytes;
  if (!perGroup || clustersPerGroup !== blocksPerGroup) return unsound('Its groups have an impossible size.', limits);
  if (blocks <= BigInt(firstDataBlock)) return unsound('It has no blocks.', limits);
  return undefined;
}

function vetInodes(superblock: Superblock, limits: SuperblockLimits): Refusal | undefined {
  const {inodeSizeBytes, firstInode, minExtraInodeBytes, wantExtraInodeBytes} = superblock;
  const sizes = [128, 256, 512, 1024, 2048, 4096];
  if (!sizes.includes(inodeSizeBytes) || inodeSizeBytes > blockSizeBytes(superblock)) {
    return unsound('Its inodes have an impossible size.', limits);
  }
  if (Math.max(minExtraInodeBytes, wantExtraInodeBytes) > inodeSizeBytes - 128) {
    return unsound('Its inodes have an impossible size.', limits);
  }
  return firstInode === 11 ? undefined : unsound('Its own files are not where they should be.', limits);
}

function vetGroups(superblock: Superblock, limits: SuperblockLimits): Refusal | undefined {
  const {blocks, firstDataBlock, blocksPerGroup, inodes, inodesPerGroup, features} = superblock;
  const sizeBytes = blockSizeBytes(superblock);
  const groups = (blocks - BigInt(firstDataBlock) + BigInt(blocksPerGroup) - 1n) / BigInt(blocksPerGroup);
  const possible = inodesPerGroup > 0 && inodesPerGroup <= 8 * sizeBytes;
  if (!possible || BigInt(inodes) !== groups * BigInt(inodesPerGroup)) {
    return unsound('Its number of inodes contradicts its size.', limits);
  }
  const descriptors = (features.incompat & wide) === 0 ? [0, 32] : [64];
  if (!descriptors.includes(superblock.descriptorSizeBytes) || superblock.reservedDescriptorBlocks > sizeBytes / 4) {
    return unsound('The descriptors of its groups have an impossible size.', limits);
  }
  return undefined;
}

function vetRest({state, flags, hashVersion, checksumType}: Superblock, limits: SuperblockLimits): Refusal | undefined {
  // State: clean, with errors, with orphans. Flags: how names of files are hashed. Checksum type 1: CRC32C.
  const possible = (state & ~7) === 0 && (flags & ~3) === 0 && hashVersion <= 5 && checksumType <= 1;
  return possible ? undefined : unsound('One of its fields has a value that no program writes.', limits);
}

function vetSize(superblock: Superblock, {deviceSizeBytes}: SuperblockLimits): Refusal | undefined {
  if (superblock.blocks * BigInt(blockSizeBytes(superblock)) <= BigInt(deviceSizeBytes)) return undefined;
  return {
    what: 'The image is shorter than the file system in it.',
    why: 'It is truncated, perhaps by an interrupted copy. Nothing was changed.',
    next: 'use a complete copy of the image',
  };
}

export function blockSizeBytes({logBlockSize}: Superblock): number {
  return 1024 << logBlockSize;
}

function noFileSystem(limits: SuperblockLimits): Refusal {
  return {
    what: 'The vault contains no ext4 file system that can be checked.',
    why: 'Another program wrote to the vault, or its beginning was overwritten.',
    next: `sudo cryptsetup open ${nameOf(limits)} look && sudo blkid -p /dev/mapper/look; sudo cryptsetup close look`,
  };
}

function unsound(why: string, limits: SuperblockLimits): Refusal {
  return {
    what: 'The superblock of the file system in the vault is invalid.',
    why,
    next: `copy the image, then: ${byHand(limits, 'e2fsck -f')}`,
  };
}

function capitalise(clause: string): string {
  return clause.charAt(0).toUpperCase() + clause.slice(1);
}

function isZero(bytes: Buffer): boolean {
  return bytes.every((byte) => byte === 0);
}
