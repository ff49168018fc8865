/**
 * The superblock of ext4, as far as TazPod looks at it. The layout is that of Documentation/filesystems/ext4/super.rst
 * in the kernel's source.
 */

/** Where it lies, for any size of a block, and how long it is. */
export const superblockAt = {offsetBytes: 1024, sizeBytes: 1024} as const;

/**
 * The beginning of the plaintext that an engine serves from a copy of its own, see `AttachedDevice`. It covers the
 * superblock, and is a whole number of sectors and pages everywhere.
 */
export const pinnedBytes = 4096;

export type Superblock = {
  readonly magic: number;
  readonly revision: number;
  readonly creator: number;
  readonly state: number;
  readonly errorBehaviour: number;
  readonly features: FeatureWords;
  readonly inodes: number;
  readonly blocks: bigint;
  readonly firstDataBlock: number;
  readonly logBlockSize: number;
  readonly logClusterSize: number;
  readonly blocksPerGroup: number;
  readonly clustersPerGroup: number;
  readonly inodesPerGroup: number;
  readonly firstInode: number;
  readonly inodeSizeBytes: number;
  readonly minExtraInodeBytes: number;
  readonly wantExtraInodeBytes: number;
  readonly descriptorSizeBytes: number;
  readonly reservedDescriptorBlocks: number;
  readonly checksumType: number;
  readonly hashVersion: number;
  readonly flags: number;
  readonly journal: {readonly inode: number; readonly device: number; readonly uuid: Buffer};
  readonly defaultMountOptions: number;
  /** Options as text, which the kernel takes as if they were typed. */
  readonly mountOptionText: Buffer;
};

/** Three sets of bits: what a reader may ignore, what it must know, and what it must know to write. */
export type FeatureWords = {readonly compat: number; readonly incompat: number; readonly roCompat: number};

export const superblockMagic = 0xef53;

/** Reads the fields, and judges none. `bytes` are the superblock's own. */
export function parseSuperblock(bytes: Buffer): Superblock {
  const word = (offset: number): number => bytes.readUInt32LE(offset);
  const half = (offset: number): number => bytes.readUInt16LE(offset);
  const incompat = word(0x60);
  return {
    magic: half(0x38),
    revision: word(0x4c),
    creator: word(0x48),
    state: half(0x3a),
    errorBehaviour: half(0x3c),
    features: {compat: word(0x5c), incompat, roCompat: word(0x64)},
    inodes: word(0x00),
    // The upper half means something with the feature 64bit only.
    blocks: BigInt(word(0x04)) + ((incompat & wide) === 0 ? 0n : BigInt(word(0x150)) << 32n),
    firstDataBlock: word(0x14),
    logBlockSize: word(0x18),
    logClusterSize: word(0x1c),
    blocksPerGroup: word(0x20),
    clustersPerGroup: word(0x24),
    inodesPerGroup: word(0x28),
    firstInode: word(0x54),
    inodeSizeBytes: half(0x58),
    minExtraInodeBytes: half(0x15c),
    wantExtraInodeBytes: half(0x15e),
    descriptorSizeBytes: half(0xfe),
    reservedDescriptorBlocks: half(0xce),
    checksumType: bytes[0x175]!,
    hashVersion: bytes[0xfc]!,
    flags: word(0x160),
    journal: {inode: word(0xe0), device: word(0xe4), uuid: bytes.subarray(0xd0, 0xe0)},
    defaultMountOptions: word(0x100),
    mountOptionText: bytes.subarray(0x200, 0x240),
  };
}

/** The bit of the feature 64bit among those that a reader must know. */
export const wide = 0x80;
