import {spawnSync} from 'node:child_process';
import {mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {expect} from 'chai';
import fc from 'fast-check';
import {newerThan} from '../../src/engines/ext4-features.ts';
import {parseSuperblock, superblockAt} from '../../src/engines/superblock.ts';
import {vetSuperblock} from '../../src/engines/vet-superblock.ts';
import {harmlessChanges, superblockFaults} from './superblock-faults.ts';

const deviceSizeBytes = 24 * 1024 * 1024;

/** The words for mke2fs of file systems that people have. */
const sound: readonly {readonly name: string; readonly words: readonly string[]}[] = [
  {name: "mke2fs's defaults", words: ['-t', 'ext4']},
  {
    name: 'the defaults of e2fsprogs 1.47.1',
    words: ['-t', 'ext4', '-O', 'metadata_csum_seed,orphan_file,metadata_csum,64bit'],
  },
  {name: 'those of ten years ago', words: ['-t', 'ext4', '-O', '^metadata_csum,^64bit,uninit_bg']},
  {name: 'no journal', words: ['-t', 'ext4', '-O', '^has_journal']},
  {name: 'blocks of 1024 bytes', words: ['-t', 'ext4', '-b', '1024']},
  {name: 'blocks of 2048 bytes', words: ['-t', 'ext4', '-b', '2048']},
  {name: 'inodes of 128 bytes', words: ['-t', 'ext4', '-I', '128']},
  {name: 'reserved blocks and a label', words: ['-t', 'ext4', '-m', '20', '-L', 'Block count: 1']},
  {name: 'an ext3', words: ['-t', 'ext3']},
  {name: 'the behaviour on errors that TazPod sets', words: ['-t', 'ext4', '-e', 'remount-ro']},
];

describe('the vetting of a superblock', () => {
  let folder: string;

  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'tazpod-superblock-'));
  });

  after(() => rmSync(folder, {recursive: true}));

  function make(words: readonly string[]): Buffer {
    const path = join(folder, 'image');
    writeFileSync(path, '');
    truncateSync(path, deviceSizeBytes);
    const {status, stderr} = spawnSync('mke2fs', ['-q', '-F', ...words, path], {encoding: 'utf8'});
    if (status !== 0) throw new Error(stderr);
    const start = superblockAt.offsetBytes;
    return Buffer.from(readFileSync(path).subarray(start, start + superblockAt.sizeBytes));
  }

  const vet = (bytes: Buffer, sizeBytes = deviceSizeBytes) =>
    vetSuperblock(bytes, {deviceSizeBytes: sizeBytes, imageName: '/home/u/v.img'});
  const refusalOf = (bytes: Buffer, sizeBytes?: number) => {
    const verdict = vet(bytes, sizeBytes);
    return 'refused' in verdict ? verdict.refused : undefined;
  };

  for (const {name, words} of sound) {
    it(`lets a file system pass that was made with ${name}`, () => {
      expect(refusalOf(make(words))).to.equal(undefined);
    });
  }

  describe('of one that TazPod would make, with one fault', () => {
    let plain: Buffer;

    before(() => {
      plain = make(['-t', 'ext4', '-b', '4096', '-I', '256', '-O', '^64bit,^metadata_csum']);
      expect(refusalOf(plain)).to.equal(undefined);
    });

    for (const {name, change, says} of superblockFaults) {
      it(`refuses ${name}`, () => {
        const forged = Buffer.from(plain);
        change(forged);
        expect(forged.equals(plain)).to.equal(false);
        const refusal = refusalOf(forged);
        expect(refusal?.what).to.match(says);
        expect(refusal!.why).to.match(/^[ -~…]+\.$/);
        expect(refusal!.next).to.match(/^[ -~]+$/);
      });
    }

    for (const {name, change} of harmlessChanges) {
      it(`accepts ${name}`, () => {
        const changed = Buffer.from(plain);
        change(changed);
        expect(refusalOf(changed)).to.equal(undefined);
      });
    }

    it('refuses one that is cut off, and one that lies on less than it says', () => {
      expect(refusalOf(plain.subarray(0, 1023))?.what).to.match(/contains no ext4 file system/);
      expect(refusalOf(plain, deviceSizeBytes - 4096)?.what).to.match(/shorter than the file system/);
    });

    it('throws at no bytes', () => {
      const bytes = fc.uint8Array({minLength: 1024, maxLength: 1024});
      const spots = fc.array(fc.tuple(fc.nat(1023), fc.nat(255)), {maxLength: 6});
      fc.assert(fc.property(bytes, (random) => void vet(Buffer.from(random))));
      fc.assert(
        fc.property(spots, (changes) => {
          const forged = Buffer.from(plain);
          for (const [at, value] of changes) forged[at] = value;
          const verdict = vet(forged);
          if ('refused' in verdict) return;
          expect(verdict.journal.device).to.equal(0);
          expect(verdict.mountOptionText.every((each) => each === 0)).to.equal(true);
        }),
        {numRuns: 2000},
      );
    });
  });

  it('tells which features a program of some version does not know', () => {
    const {features} = parseSuperblock(make(sound[1]!.words));
    const names = (program: 'e2fsprogs' | 'kernel', version: readonly [number, number]): string[] =>
      newerThan(features, program, version).map(({name}) => name);
    expect(names('e2fsprogs', [1, 46])).to.deep.equal(['orphan_file']);
    expect(names('kernel', [4, 3])).to.deep.equal(['orphan_file', 'metadata_csum_seed']);
    expect(names('e2fsprogs', [1, 47])).to.deep.equal([]);
    expect(names('kernel', [6, 1])).to.deep.equal([]);
  });
});
