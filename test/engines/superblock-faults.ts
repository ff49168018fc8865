/** One thing that is wrong with a superblock of which all else is right. */
export type Fault = {
  readonly name: string;
  readonly change: (superblock: Buffer) => void;
  /** What the refusal says. */
  readonly says: RegExp;
};

function word(name: string, offset: number, value: number, says: RegExp): Fault {
  const change = (superblock: Buffer): unknown => superblock.writeUInt32LE(value >>> 0, offset);
  return {name: `${name} set to 0x${(value >>> 0).toString(16)}`, change, says};
}

function half(name: string, offset: number, value: number, says: RegExp): Fault {
  const change = (superblock: Buffer): unknown => superblock.writeUInt16LE(value, offset);
  return {name: `${name} set to 0x${value.toString(16)}`, change, says};
}

function byte(name: string, offset: number, value: number, says: RegExp): Fault {
  const change = (superblock: Buffer): unknown => superblock.writeUInt8(value, offset);
  return {name: `${name} set to ${value}`, change, says};
}

function text(name: string, offset: number, value: string, says: RegExp): Fault {
  const change = (superblock: Buffer): unknown => superblock.write(value, offset, 'latin1');
  return {name: `${name} set to ${JSON.stringify(value)}`, change, says};
}

/** A bit turned on. */
function feature(name: string, offset: number, bit: number, says: RegExp): Fault {
  const change = (superblock: Buffer): unknown =>
    superblock.writeUInt32LE((superblock.readUInt32LE(offset) | bit) >>> 0, offset);
  return {name: `the feature ${name} turned on`, change, says};
}

const [compat, incompat, roCompat] = [0x5c, 0x60, 0x64];
const none = /contains no ext4 file system/;
const unsound = /is invalid/;
const kind = /of a type that TazPod does not support/;
const outside = /keeps its journal outside/;
const options = /contains its own mount options/;
const newer = /features that this TazPod does not know/;
const refused = (name: string): RegExp => new RegExp(`has the feature ${name}, which TazPod refuses`);

const refusedFeatures: readonly (readonly [name: string, offset: number, bit: number])[] = [
  ['dir_prealloc', compat, 0x1],
  ['imagic_inodes', compat, 0x2],
  ['lazy_bg', compat, 0x40],
  ['snapshot_bitmap', compat, 0x100],
  ['sparse_super2', compat, 0x200],
  ['fast_commit', compat, 0x400],
  ['stable_inodes', compat, 0x800],
  ['compression', incompat, 0x1],
  ['journal_dev', incompat, 0x8],
  ['meta_bg', incompat, 0x10],
  ['mmp', incompat, 0x100],
  ['ea_inode', incompat, 0x400],
  ['dirdata', incompat, 0x1000],
  ['large_dir', incompat, 0x4000],
  ['inline_data', incompat, 0x8000],
  ['encrypt', incompat, 0x10000],
  ['casefold', incompat, 0x20000],
  ['btree_dir', roCompat, 0x4],
  ['snapshot', roCompat, 0x80],
  ['quota', roCompat, 0x100],
  ['bigalloc', roCompat, 0x200],
  ['replica', roCompat, 0x800],
  ['read-only', roCompat, 0x1000],
  ['project', roCompat, 0x2000],
  ['shared_blocks', roCompat, 0x4000],
  ['verity', roCompat, 0x8000],
];

const unnamedBits: readonly (readonly [name: string, offset: number, bit: number])[] = [
  ['of bit 7 of those that may be ignored', compat, 0x80],
  ['of bit 13 of those that may be ignored', compat, 0x2000],
  ['of bit 31 of those that may be ignored', compat, 0x80000000],
  ['of bit 5 of those that must be known', incompat, 0x20],
  ['of bit 11 of those that must be known', incompat, 0x800],
  ['of bit 18 of those that must be known', incompat, 0x40000],
  ['of bit 31 of those that must be known', incompat, 0x80000000],
  ['of bit 17 of those that must be known to write', roCompat, 0x20000],
  ['of bit 31 of those that must be known to write', roCompat, 0x80000000],
];

/** Made from a superblock with blocks of 4096 bytes, inodes of 256 and an internal journal. */
export const superblockFaults: readonly Fault[] = [
  half('magic', 0x38, 0, none),
  half('magic', 0x38, 0x53ef, none),
  word('revision', 0x4c, 0, kind),
  word('revision', 0x4c, 2, kind),
  word('creator', 0x48, 1, kind),
  word('creator', 0x48, 3, kind),
  ...refusedFeatures.map(([name, offset, bit]) => feature(name, offset, bit, refused(name))),
  ...unnamedBits.map(([name, offset, bit]) => feature(name, offset, bit, newer)),

  // The journal.
  word('journal_dev', 0xe4, 0x0801, outside),
  word('journal_dev', 0xe4, 0xffffffff, outside),
  text('journal_uuid', 0xd0, 'x', outside),
  text('the last byte of journal_uuid', 0xdf, '\x01', outside),
  word('journal_inum', 0xe0, 0, unsound),
  word('journal_inum', 0xe0, 2, unsound),
  word('journal_inum', 0xe0, 12, unsound),
  word('journal_inum', 0xe0, 0xffffffff, unsound),

  // What it would have the kernel do.
  text('mount_opts', 0x200, 'journal_path=/dev/sda', options),
  text('mount_opts', 0x200, 'errors=panic', options),
  text('mount_opts', 0x200, '\x1b[2J', options),
  text('the last byte of mount_opts', 0x23f, 'x', options),
  ...[0x1, 0x2, 0x10, 0x20, 0x60, 0x80, 0x100, 0x400, 0x800, 0x1000, 0x80000000].map((bits) =>
    word('default_mount_opts', 0x100, 0xc | bits, options),
  ),
  ...[0, 3, 4, 0xffff].map((value) => half('errors', 0x3c, value, /what this machine does on an error/)),

  // Sizes.
  ...[3, 6, 31, 0xffffffff].map((value) => word('log_block_size', 0x18, value, unsound)),
  word('log_block_size', 0x18, 0, unsound),
  word('log_cluster_size', 0x1c, 4, unsound),
  word('log_cluster_size', 0x1c, 0xffffffff, unsound),
  word('first_data_block', 0x14, 1, unsound),
  word('first_data_block', 0x14, 0xffffffff, unsound),
  ...[0, 4, 32769, 32776, 0xfffffff8].map((value) => word('blocks_per_group', 0x20, value, unsound)),
  word('clusters_per_group', 0x24, 8, unsound),
  word('blocks_count', 0x04, 0, unsound),
  word('blocks_count', 0x04, 0xffffffff, unsound),
  word('blocks_count', 0x04, 8192, /shorter than the file system/),
  word('inodes_count', 0x00, 0, unsound),
  word('inodes_count', 0x00, 0xffffffff, unsound),
  ...[0, 1, 32769, 0xffffffff].map((value) => word('inodes_per_group', 0x28, value, unsound)),
  ...[0, 64, 127, 255, 257, 8192, 0xffff].map((value) => half('inode_size', 0x58, value, unsound)),
  half('min_extra_isize', 0x15c, 129, unsound),
  half('want_extra_isize', 0x15e, 0xffff, unsound),
  ...[0, 10, 12, 0xffffffff].map((value) => word('first_ino', 0x54, value, unsound)),
  ...[1, 64, 1024, 0xffff].map((value) => half('desc_size', 0xfe, value, unsound)),
  half('reserved_gdt_blocks', 0xce, 1025, unsound),
  half('reserved_gdt_blocks', 0xce, 0xffff, unsound),

  // The rest.
  half('state', 0x3a, 0x20 | 1, unsound),
  half('state', 0x3a, 0x8000, unsound),
  word('flags', 0x160, 0x4, unsound),
  word('flags', 0x160, 0x10, unsound),
  byte('def_hash_version', 0xfc, 6, unsound),
  byte('def_hash_version', 0xfc, 255, unsound),
  byte('checksum_type', 0x175, 2, unsound),
];

/** What may be there, because it is dynamic, or nobody acts on it. */
export const harmlessChanges: readonly Omit<Fault, 'says'>[] = [
  text('volume_name', 0x78, 'Block count: 1', none),
  text('volume_name', 0x78, '\x1b[2J\nBlock size: 1', none),
  text('last_mounted', 0x88, '/\n\x07'.repeat(20), none),
  text('uuid', 0x68, '\xff'.repeat(16), none),
  word('free_blocks_count', 0x0c, 0xffffffff, none),
  word('free_inodes_count', 0x10, 0xffffffff, none),
  half('mnt_count', 0x34, 0xffff, none),
  half('state', 0x3a, 0, none),
  half('state', 0x3a, 7, none),
  half('errors', 0x3c, 1, none),
  word('default_mount_opts', 0x100, 0x40, none),
  word('last_orphan', 0xe8, 12, none),
  word('error_count', 0x194, 5, none),
  feature('needs_recovery', incompat, 0x4, none),
];
