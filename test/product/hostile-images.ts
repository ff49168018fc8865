import {readFileSync, writeFileSync} from 'node:fs';
import {encipherElsewhere, mkfsElsewhere, must} from '../bed/elsewhere.ts';
import type {TestVault} from '../bed/vault.ts';
import {binaryFaults, placeFaults} from '../luks/faults.ts';
import {forge, metadataOf} from '../luks/forge.ts';
import {headerAreaSizeBytes} from '../luks/images.ts';
import {superblockFaults} from '../engines/superblock-faults.ts';
import {superblockIn} from '../engines/external-journal.ts';

/** An image that somebody has prepared, who knows its passphrase. */
export type HostileImage = {
  readonly name: string;
  /** Makes it in the place of the vault's image. */
  make(vault: TestVault): void;
};

/** Requests of debugfs(8) that leave a file system whose metadata contradict each other. */
const requests: readonly (readonly [string, ...string[]])[] = [
  ['a root directory that is a file', 'sif <2> mode 0100755'],
  ['a root directory that is a device', 'sif <2> mode 060644', 'sif <2> block[0] 0x0700'],
  ['a root directory without an inode', 'clri <2>'],
  ['a root directory of no blocks', 'sif <2> size 0'],
  ['a root directory of 2^60 bytes', 'sif <2> size 0x1000000000000000'],
  ['a root directory in an extent tree that is no tree', 'sif <2> block[0] 0xffffffff', 'sif <2> block[1] 0xffffffff'],
  ['a root directory with more links than there are', 'sif <2> links_count 65535'],
  ['a root directory with an attribute block far outside', 'sif <2> file_acl 0xfffffff0'],
  ['a root directory with an attribute block that is the superblock', 'sif <2> file_acl 0'],
  ['a journal without an inode', 'clri <8>'],
  ['a journal that is a directory', 'sif <8> mode 040755'],
  ['a journal of no blocks', 'sif <8> size 0'],
  ['a journal in the blocks of the root directory', 'sif <8> block[4] 5', 'sif <8> block[5] 0'],
  ['a journal of 2^60 bytes', 'sif <8> size 0x1000000000000000'],
  ['a reserved inode that grows the file system', 'sif <7> size 0x1000000000000000'],
  ['an inode table at block 0', 'set_block_group 0 inode_table 0'],
  ['an inode table outside of the file system', 'set_block_group 0 inode_table 0xfffffff0'],
  ['an inode table where the superblock is', 'set_block_group 0 inode_table 1'],
  ['a block bitmap outside of the file system', 'set_block_group 0 block_bitmap 0xfffffff0'],
  ['both bitmaps in one block', 'set_block_group 0 inode_bitmap 5', 'set_block_group 0 block_bitmap 5'],
  ['more free blocks than blocks', 'ssv free_blocks_count 0xffffffff'],
  ['more free inodes than inodes', 'ssv free_inodes_count 0xffffffff'],
  ['a list of orphans that leads to the root directory', 'ssv last_orphan 2'],
  ['a list of orphans that leads outside', 'ssv last_orphan 0xffffffff'],
  ['an error that is marked', 'ssv state 2'],
  ['no mark of a clean end', 'ssv state 0'],
  ['a label that paints on the terminal', 'ssv volume_name \x1b[2J'],
];

/** A file system that somebody with the passphrase has prepared, enciphered by cryptsetup alone. */
function fileSystem(name: string, change: (vault: TestVault) => void): HostileImage {
  return {
    name,
    make(vault) {
      mkfsElsewhere(vault, ['-O', '^metadata_csum', '-E', `root_owner=${vault.owner.uid}:${vault.owner.gid}`]);
      change(vault);
      encipherElsewhere(vault);
    },
  };
}

/** debugfs reports what it refuses on standard error and ends with 0: an image that it left alone opens. */
const byDebugfs = requests.map(([name, ...words]) =>
  fileSystem(`an ext4 with ${name}`, ({image}) => {
    for (const request of words) must('debugfs', ['-w', '-R', request, image]);
  }),
);

/** The bytes in which group descriptors, bitmaps, inodes and the journal's beginning lie. The superblock has its own. */
const fuzzed = {fromByte: 4096, toByte: 2 * 2 ** 20} as const;

/** Numbers that are the same ones each time. */
function* numbers(seed: number): Generator<number, never> {
  for (let state = seed * 2654435761; ;) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    yield state;
  }
}

function withNoise({image}: TestVault, seed: number): void {
  const plain = readFileSync(image);
  const random = numbers(seed);
  // From a single byte to hundreds: few pass for clean, many are damage.
  for (let count = 1 << (seed % 10); count > 0; count--) {
    const at = fuzzed.fromByte + (random.next().value % (fuzzed.toByte - fuzzed.fromByte));
    plain[at] = random.next().value & 0xff;
  }
  writeFileSync(image, plain);
}

const byNoise = Array.from({length: 30}, (_, seed) =>
  fileSystem(`an ext4 with random bytes in its metadata, seed ${seed}`, (vault) => withNoise(vault, seed)),
);

/** One of each few: each of them is tried alone elsewhere. */
const someOf = <T>(all: readonly T[], every: number): T[] => all.filter((_, index) => index % every === 0);

const bySuperblock = someOf(superblockFaults, 6).map(({name, change}) =>
  fileSystem(`an ext4 with ${name}`, ({image}) => {
    const plain = readFileSync(image);
    change(superblockIn(plain));
    writeFileSync(image, plain);
  }),
);

function header(name: string, change: Parameters<typeof forge>[2]): HostileImage {
  return {
    name: `a header with ${name}`,
    make(vault) {
      mkfsElsewhere(vault, []);
      encipherElsewhere(vault);
      const image = readFileSync(vault.image);
      const forged = forge(image.subarray(0, headerAreaSizeBytes), 'both copies', change, {reseal: true});
      forged.copy(image);
      writeFileSync(vault.image, image);
    },
  };
}

/** What a header's metadata look like is known when there is one; where the faults lie is the same in all. */
export function hostileImages(sample: Buffer): HostileImage[] {
  const byHeader = [...someOf(binaryFaults, 4), ...someOf(placeFaults(metadataOf(sample)), 20)];
  return [...byHeader.map(({name, change}) => header(name, change)), ...bySuperblock, ...byDebugfs, ...byNoise];
}
