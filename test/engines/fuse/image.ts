import {createSecretKey, randomBytes} from 'node:crypto';
import {chmodSync, closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync, writeSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {PinnedBlocks} from '../../../src/engines/fuse/pinned-blocks.ts';
import {RangeLocks, rangeLockWords} from '../../../src/engines/fuse/range-locks.ts';
import {SectorCipher} from '../../../src/engines/fuse/sector-cipher.ts';
import {SegmentFile} from '../../../src/engines/fuse/segment-file.ts';
import type {ServedSegment} from '../../../src/engines/fuse/segment.ts';
import {SyncGate, syncGateWords} from '../../../src/engines/fuse/sync-gate.ts';

/** What follows the segment. */
const after = Buffer.alloc(4096, 'after');

/** An image of nothing but a segment, in a directory of its own, with the plaintext that it holds. */
export class Image {
  readonly folder = mkdtempSync(join(tmpdir(), 'tazpod-engine-'));
  readonly path = join(this.folder, 'image');
  readonly key = randomBytes(64);
  readonly segment: ServedSegment;
  #fd: number | undefined;

  /** Fills the segment with random plaintext, enciphered. */
  constructor(segment: Partial<ServedSegment> = {}) {
    this.segment = {
      offsetBytes: 4096,
      sizeBytes: 64 * 4096,
      sectorSizeBytes: 4096,
      ivTweak: 0n,
      ...segment,
    };
    // As the ghost's staging directory: a program with ids of its own may pass through.
    chmodSync(this.folder, 0o711);
    this.write(randomBytes(this.segment.sizeBytes));
  }

  get fd(): number {
    return (this.#fd ??= openSync(this.path, 'r+'));
  }

  /** Makes the image again with this plaintext. */
  write(plain: Buffer): void {
    const data = Buffer.from(plain);
    new SectorCipher(this.segment, createSecretKey(this.key)).encipher(data, 0);
    writeFileSync(this.path, Buffer.concat([Buffer.alloc(this.segment.offsetBytes, 'before'), data, after]));
  }

  /** Puts this plaintext at the beginning of the segment, into the file that is there. */
  overwrite(plain: Buffer): void {
    const data = Buffer.from(plain);
    new SectorCipher(this.segment, createSecretKey(this.key)).encipher(data, 0);
    writeSync(this.fd, data, 0, data.length, this.segment.offsetBytes);
  }

  /** The plaintext, deciphered from the file as it is now. */
  read(): Buffer {
    const {offsetBytes, sizeBytes} = this.segment;
    const data = readFileSync(this.path).subarray(offsetBytes, offsetBytes + sizeBytes);
    new SectorCipher(this.segment, createSecretKey(this.key)).decipher(data, 0);
    return data;
  }

  /** Whether what lies before and after the segment is as it was. */
  get surroundingsAreWhole(): boolean {
    const {offsetBytes, sizeBytes} = this.segment;
    const file = readFileSync(this.path);
    return (
      file.subarray(0, offsetBytes).equals(Buffer.alloc(offsetBytes, 'before')) &&
      file.subarray(offsetBytes + sizeBytes).equals(after)
    );
  }

  /** The segment as a file, in this thread. */
  open(options: {readonly imageFd?: number; readonly syncWords?: Int32Array<SharedArrayBuffer>} = {}): SegmentFile {
    return new SegmentFile({
      imageFd: options.imageFd ?? this.fd,
      segment: this.segment,
      key: createSecretKey(this.key),
      locks: new RangeLocks(sharedWords(rangeLockWords)),
      syncGate: new SyncGate(options.syncWords ?? sharedWords(syncGateWords)),
      pinned: PinnedBlocks.read(this.fd, this.segment),
      maxTransferBytes: 1024 * 1024,
      headroomBytes: 16,
    });
  }

  remove(): void {
    if (this.#fd !== undefined) closeSync(this.#fd);
    rmSync(this.folder, {recursive: true});
  }
}

/** Zeroes in shared memory. */
export function sharedWords(count: number): Int32Array<SharedArrayBuffer> {
  return new Int32Array(new SharedArrayBuffer(count * Int32Array.BYTES_PER_ELEMENT));
}
