import type {FeatureWords} from './superblock.ts';

/** A feature of ext4, by the name that tune2fs(8) gives it. */
export type Feature = {
  readonly name: string;
  readonly word: keyof FeatureWords;
  readonly bit: number;
  /** What TazPod does with a file system that has it. */
  readonly answer: 'opens' | 'refuses';
  /** Why it is refused, as a clause about the feature. */
  readonly why?: string;
  /** tune2fs can take it away. */
  readonly removable?: true;
  /** The first e2fsprogs and kernel that know it, where that is not ten years ago. */
  readonly since?: {readonly e2fsprogs: Version; readonly kernel: Version};
};

export type Version = readonly [major: number, minor: number];

/**
 * Every feature that has a name, and a closed list of those that TazPod opens: what mke2fs turns on by default, now or
 * in the last ten years. All others would bring code of the kernel's into reach that no vault needs, or an effect that
 * reaches beyond the file system.
 */
const knownFeatures: readonly Feature[] = [
  opens('compat', 'has_journal', 0x4),
  opens('compat', 'ext_attr', 0x8),
  opens('compat', 'resize_inode', 0x10),
  opens('compat', 'dir_index', 0x20),
  opens('compat', 'orphan_file', 0x1000, {e2fsprogs: [1, 47], kernel: [5, 15]}),
  opens('incompat', 'filetype', 0x2),
  opens('incompat', 'needs_recovery', 0x4),
  opens('incompat', 'extent', 0x40),
  opens('incompat', '64bit', 0x80),
  opens('incompat', 'flex_bg', 0x200),
  opens('incompat', 'metadata_csum_seed', 0x2000, {e2fsprogs: [1, 43], kernel: [4, 4]}),
  opens('roCompat', 'sparse_super', 0x1),
  opens('roCompat', 'large_file', 0x2),
  opens('roCompat', 'huge_file', 0x8),
  opens('roCompat', 'uninit_bg', 0x10),
  opens('roCompat', 'dir_nlink', 0x20),
  opens('roCompat', 'extra_isize', 0x40),
  opens('roCompat', 'metadata_csum', 0x400),
  opens('roCompat', 'orphan_present', 0x10000, {e2fsprogs: [1, 47], kernel: [5, 15]}),

  refuses('incompat', 'journal_dev', 0x8, 'it makes the image the journal of another file system'),
  refuses(
    'incompat',
    'mmp',
    0x100,
    'it makes every mount wait, and writes the name of the machine into the image',
    true,
  ),
  refuses('incompat', 'encrypt', 0x10000, 'its files take keys that only their own program has'),
  refuses('incompat', 'casefold', 0x20000, 'it gives one file several names'),
  refuses('incompat', 'inline_data', 0x8000, 'TazPod does not need it'),
  refuses('incompat', 'ea_inode', 0x400, 'TazPod does not need it'),
  refuses('incompat', 'large_dir', 0x4000, 'TazPod does not need it', true),
  refuses('incompat', 'meta_bg', 0x10, 'TazPod does not need it'),
  refuses('incompat', 'compression', 0x1, 'no kernel has it'),
  refuses('incompat', 'dirdata', 0x1000, 'no kernel has it'),
  refuses('compat', 'dir_prealloc', 0x1, 'no kernel has it'),
  refuses('compat', 'imagic_inodes', 0x2, 'no kernel has it'),
  refuses('compat', 'lazy_bg', 0x40, 'no kernel has it'),
  refuses('compat', 'snapshot_bitmap', 0x100, 'no kernel has it'),
  refuses('compat', 'sparse_super2', 0x200, 'TazPod does not need it', true),
  refuses('compat', 'fast_commit', 0x400, 'TazPod does not need it', true),
  refuses('compat', 'stable_inodes', 0x800, 'TazPod does not need it', true),
  refuses('roCompat', 'btree_dir', 0x4, 'no kernel has it'),
  refuses('roCompat', 'snapshot', 0x80, 'no kernel has it'),
  refuses('roCompat', 'quota', 0x100, 'it lets the image limit what may be written to it', true),
  refuses('roCompat', 'bigalloc', 0x200, 'TazPod does not need it'),
  refuses('roCompat', 'replica', 0x800, 'no kernel has it'),
  refuses('roCompat', 'read-only', 0x1000, 'nothing could be written', true),
  refuses('roCompat', 'project', 0x2000, 'it lets the image limit what may be written to it', true),
  refuses('roCompat', 'shared_blocks', 0x4000, 'nothing could be written'),
  refuses('roCompat', 'verity', 0x8000, 'TazPod does not need it'),
];

/** The known features that are turned on. */
export function featuresOf(words: FeatureWords): Feature[] {
  return knownFeatures.filter(({word, bit}) => (words[word] & bit) !== 0);
}

export function has(words: FeatureWords, name: string): boolean {
  return featuresOf(words).some((feature) => feature.name === name);
}

/** The bits that have no name yet: later versions of e2fsprogs give them some. */
export function unknownBits(words: FeatureWords): string[] {
  return (['compat', 'incompat', 'roCompat'] as const).flatMap((word) => {
    const known = knownFeatures.filter((feature) => feature.word === word).reduce((bits, {bit}) => bits | bit, 0);
    const rest = (words[word] & ~known) >>> 0;
    return rest === 0 ? [] : [`${word} 0x${rest.toString(16)}`];
  });
}

/** The features that a program of this version does not know. */
export function newerThan(words: FeatureWords, program: 'e2fsprogs' | 'kernel', version: Version): Feature[] {
  return featuresOf(words).filter(({since}) => since !== undefined && isEarlier(version, since[program]));
}

function isEarlier([major, minor]: Version, [thanMajor, thanMinor]: Version): boolean {
  return major < thanMajor || (major === thanMajor && minor < thanMinor);
}

function opens(word: Feature['word'], name: string, bit: number, since?: NonNullable<Feature['since']>): Feature {
  return {word, name, bit, answer: 'opens', ...(since === undefined ? {} : {since})};
}

function refuses(word: Feature['word'], name: string, bit: number, why: string, removable = false): Feature {
  return {word, name, bit, answer: 'refuses', why, ...(removable ? {removable} : {})};
}
