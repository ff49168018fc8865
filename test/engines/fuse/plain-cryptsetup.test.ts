import {createSecretKey, randomBytes} from 'node:crypto';
import {closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {expect} from 'chai';
import {PinnedBlocks} from '../../../src/engines/fuse/pinned-blocks.ts';
import {RangeLocks, rangeLockWords} from '../../../src/engines/fuse/range-locks.ts';
import {SegmentFile} from '../../../src/engines/fuse/segment-file.ts';
import type {ServedSegment} from '../../../src/engines/fuse/segment.ts';
import {SyncGate, syncGateWords} from '../../../src/engines/fuse/sync-gate.ts';
import {sharedWords} from './image.ts';
import {dataOffsetBytes, luksDecipher, luksEncipher, luksFormat, type LuksFormat} from './luks-image.ts';

const dataSizeBytes = 1024 * 1024;

describe('what this engine and plain cryptsetup make of the same image', function () {
  let folder: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'tazpod-luks-'));
  });

  afterEach(() => rmSync(folder, {recursive: true}));

  const formats: readonly LuksFormat[] = [
    {sectorSizeBytes: 512, keySizeBits: 256},
    {sectorSizeBytes: 512, keySizeBits: 512},
    {sectorSizeBytes: 4096, keySizeBits: 256},
    {sectorSizeBytes: 4096, keySizeBits: 512},
  ];

  /** Hands the segment of an image to `use`. */
  function withSegment(
    path: string,
    key: Buffer,
    segment: Partial<ServedSegment>,
    use: (file: SegmentFile) => void,
  ): void {
    const imageFd = openSync(path, 'r+');
    const served = {offsetBytes: 0, sizeBytes: dataSizeBytes, sectorSizeBytes: 4096, ivTweak: 0n, ...segment};
    use(
      new SegmentFile({
        imageFd,
        segment: served,
        key: createSecretKey(key),
        locks: new RangeLocks(sharedWords(rangeLockWords)),
        syncGate: new SyncGate(sharedWords(syncGateWords)),
        pinned: PinnedBlocks.read(imageFd, served),
        maxTransferBytes: dataSizeBytes,
        headroomBytes: 16,
      }),
    );
    closeSync(imageFd);
  }

  for (const format of formats) {
    const {sectorSizeBytes, keySizeBits} = format;
    const name = `sectors of ${sectorSizeBytes} bytes and a key of ${keySizeBits} bits`;

    it(`is the same when we write and it reads, with ${name}`, () => {
      const path = join(folder, 'image');
      const key = luksFormat(path, dataOffsetBytes + dataSizeBytes, format);
      const plain = randomBytes(dataSizeBytes);
      withSegment(path, key, {offsetBytes: dataOffsetBytes, sectorSizeBytes}, (file) => {
        file.write(0, plain.subarray(0, 70_001));
        file.write(70_001, plain.subarray(70_001));
        file.flush();
      });
      expect(luksDecipher(path, join(folder, 'header'), dataSizeBytes).equals(plain)).to.equal(true);
    });

    it(`is the same when it writes and we read, with ${name}`, () => {
      const path = join(folder, 'image');
      const plain = randomBytes(dataSizeBytes);
      writeFileSync(path, plain);
      const key = luksEncipher(path, join(folder, 'header'), format);
      expect(readFileSync(path).equals(plain)).to.equal(false);
      withSegment(path, key, {sectorSizeBytes}, (file) => {
        expect(file.read(0, dataSizeBytes).data.equals(plain)).to.equal(true);
        expect(file.read(5000, 333).data.equals(plain.subarray(5000, 5333))).to.equal(true);
      });
    });
  }

  for (const sectorSizeBytes of [512, 4096] as const) {
    // cryptsetup itself writes segments like the second half here, with a tweak in units of 512 bytes, while it
    // reencrypts an image.
    it(`is the same in a segment that starts later, with a tweak, in sectors of ${sectorSizeBytes} bytes`, () => {
      const path = join(folder, 'image');
      const plain = randomBytes(dataSizeBytes);
      writeFileSync(path, plain);
      const key = luksEncipher(path, join(folder, 'header'), {sectorSizeBytes, keySizeBits: 512});
      const half = dataSizeBytes / 2;
      const segment = {sectorSizeBytes, offsetBytes: half, sizeBytes: half, ivTweak: BigInt(half / 512)};
      withSegment(path, key, segment, (file) => {
        expect(file.read(0, half).data.equals(plain.subarray(half))).to.equal(true);
      });
    });
  }
});
