import {closeSync, openSync, readSync} from 'node:fs';
import type {AttachedDevice} from './engine.ts';
import {wide} from './superblock.ts';
import {blockSizeBytes, readVettedSuperblock, type VettedSuperblock} from './vet-superblock.ts';

/** Whose the top directory of a file system is, and what it lets whom do. */
export type TopDirectory = {readonly uid: number; readonly gid: number; readonly mode: number};

/** The number of the top directory's inode: the second one, and it lies in the first group. */
const topInode = 2;

/**
 * Reads the top directory's inode from the device, before anything is mounted: a mount in a user namespace could not say
 * an owner that has no number there.
 *
 * Safe as root: it reads the device, at places that are bounded by its size. What the inode says may be anything; it
 * decides about words to the user, and about no access.
 */
export function readTopDirectory(device: AttachedDevice): TopDirectory {
  const superblock = readVettedSuperblock(device);
  const fd = openSync(device.path, 'r');
  try {
    const read = (offsetBytes: number, sizeBytes: number): Buffer => {
      const bytes = Buffer.alloc(sizeBytes);
      if (offsetBytes + sizeBytes <= device.sizeBytes) readSync(fd, bytes, 0, sizeBytes, offsetBytes);
      return bytes;
    };
    const inode = read(inodeTableOffset(superblock, read) + (topInode - 1) * superblock.inodeSizeBytes, 128);
    return {
      uid: inode.readUInt16LE(0x02) + inode.readUInt16LE(0x78) * 0x10000,
      gid: inode.readUInt16LE(0x18) + inode.readUInt16LE(0x7a) * 0x10000,
      mode: inode.readUInt16LE(0x00),
    };
  } finally {
    closeSync(fd);
  }
}

/** Where the inodes of the first group lie, which its descriptor says: the block behind the superblock's. */
function inodeTableOffset(
  superblock: VettedSuperblock,
  read: (offsetBytes: number, sizeBytes: number) => Buffer,
): number {
  const sizeBytes = blockSizeBytes(superblock);
  const descriptor = read((superblock.firstDataBlock + 1) * sizeBytes, 64);
  const upper = (superblock.features.incompat & wide) === 0 ? 0 : descriptor.readUInt32LE(0x28);
  return (descriptor.readUInt32LE(0x08) + upper * 2 ** 32) * sizeBytes;
}
