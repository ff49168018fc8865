import type {KeyObject} from 'node:crypto';
import {fdatasyncSync} from 'node:fs';
import {readWhole, writeWhole} from '../../foundation/whole-bytes.ts';
import type {PinnedBlocks} from './pinned-blocks.ts';
import {maxRangeBytes, type RangeLocks} from './range-locks.ts';
import {SectorCipher} from './sector-cipher.ts';
import type {ServedSegment} from './segment.ts';
import type {SyncGate} from './sync-gate.ts';

/** The segment has no more data where its header says that it has: the image was cut. */
class TruncatedImage extends Error {
  /** As the system's own I/O errors carry it. */
  readonly code = 'EIO';
}

/**
 * The plaintext of a segment as a file of fixed size: reads and writes at any offset and of any length, by whole
 * sectors of the image. One per thread; all of them share `locks`, `syncGate` and `pinned`. Errors are those of the system, with
 * their `code`; nothing is returned that was not read in full.
 */
export class SegmentFile {
  readonly sizeBytes: number;
  readonly #imageFd: number;
  readonly #segment: ServedSegment;
  readonly #cipher: SectorCipher;
  readonly #locks: RangeLocks;
  readonly #syncGate: SyncGate;
  readonly #pinned: PinnedBlocks;
  readonly #headroomBytes: number;
  readonly #maxTransferBytes: number;
  /** Sectors on their way, after room for a header. */
  readonly #sectors: Buffer;

  /**
   * `maxTransferBytes` is the longest read or write; `headroomBytes` is what the buffer that `read` returns has before
   * it, for a header.
   */
  constructor(options: {
    readonly imageFd: number;
    readonly segment: ServedSegment;
    readonly key: KeyObject;
    readonly locks: RangeLocks;
    readonly syncGate: SyncGate;
    readonly pinned: PinnedBlocks;
    readonly maxTransferBytes: number;
    readonly headroomBytes: number;
  }) {
    this.sizeBytes = options.segment.sizeBytes;
    this.#imageFd = options.imageFd;
    this.#segment = options.segment;
    this.#cipher = new SectorCipher(options.segment, options.key);
    this.#locks = options.locks;
    this.#syncGate = options.syncGate;
    this.#pinned = options.pinned;
    this.#headroomBytes = options.headroomBytes;
    this.#maxTransferBytes = options.maxTransferBytes;
    // A transfer that starts and ends inside a sector touches two more.
    const longestBytes = options.maxTransferBytes + 2 * options.segment.sectorSizeBytes;
    if (longestBytes > maxRangeBytes) throw new RangeError('a transfer is longer than what can be locked');
    this.#sectors = Buffer.alloc(options.headroomBytes + longestBytes);
  }

  /**
   * Reads plaintext, less than asked for at the end of the file. The result lies in memory that the next call uses
   * again, with `headroomBytes` of free space right before it.
   */
  read(offsetBytes: number, lengthBytes: number): {readonly data: Buffer; readonly withHeadroom: Buffer} {
    const length = Math.max(0, Math.min(lengthBytes, this.sizeBytes - offsetBytes));
    this.#checkLength(length);
    const start = length === 0 ? 0 : this.#floor(offsetBytes);
    const end = length === 0 ? 0 : this.#ceil(offsetBytes + length);
    const sectors = this.#sectors.subarray(this.#headroomBytes, this.#headroomBytes + end - start);
    if (length > 0) this.#locks.read(start, end, () => this.#readImage(sectors, start));
    this.#cipher.decipher(sectors, start);
    const from = this.#headroomBytes + (length === 0 ? 0 : offsetBytes - start);
    return {
      data: this.#sectors.subarray(from, from + length),
      withHeadroom: this.#sectors.subarray(from - this.#headroomBytes, from + length),
    };
  }

  /** Writes all of `data`, which must lie inside the file. */
  write(offsetBytes: number, data: Buffer): void {
    if (data.length === 0) return;
    this.#checkLength(data.length);
    const sectorBytes = this.#segment.sectorSizeBytes;
    const dataEnd = offsetBytes + data.length;
    const start = this.#floor(offsetBytes);
    const end = this.#ceil(dataEnd);
    const sectors = this.#sectors.subarray(0, end - start);

    // Whole sectors are enciphered before the lock is taken.
    const wholeStart = this.#ceil(offsetBytes);
    const wholeEnd = this.#floor(dataEnd);
    data.copy(sectors, offsetBytes - start);
    if (wholeStart < wholeEnd)
      this.#cipher.encipher(sectors.subarray(wholeStart - start, wholeEnd - start), wholeStart);

    this.#locks.write(start, end, () => {
      // The sector in which the data starts, and the one in which it ends, keep what they had around it.
      if (start < wholeStart) this.#merge(sectors.subarray(0, sectorBytes), start, offsetBytes, dataEnd);
      const lastSector = end - sectorBytes;
      if (wholeEnd < end && (lastSector > start || start === wholeStart)) {
        this.#merge(sectors.subarray(lastSector - start), lastSector, offsetBytes, dataEnd);
      }
      this.#writeImage(sectors, start);
    });
  }

  /** Returns when everything that was written before the call is on the image's storage. */
  flush(): void {
    this.#syncGate.pass(() => fdatasyncSync(this.#imageFd));
  }

  /** Fills the bytes of one sector that new data leaves open with those of the image, and enciphers it. */
  #merge(sector: Buffer, sectorStart: number, dataStart: number, dataEnd: number): void {
    const old = Buffer.alloc(sector.length);
    this.#readImage(old, sectorStart);
    this.#cipher.decipher(old, sectorStart);
    old.copy(sector, 0, 0, Math.max(0, dataStart - sectorStart));
    const after = Math.min(sector.length, dataEnd - sectorStart);
    old.copy(sector, after, after);
    old.fill(0);
    this.#cipher.encipher(sector, sectorStart);
  }

  #readImage(sectors: Buffer, start: number): void {
    const count = readWhole(this.#imageFd, sectors, this.#segment.offsetBytes + start);
    if (count < sectors.length) throw new TruncatedImage('the image ends before its data segment does');
    this.#pinned.overlay(sectors, start);
  }

  #writeImage(sectors: Buffer, start: number): void {
    writeWhole(this.#imageFd, sectors, this.#segment.offsetBytes + start);
    this.#pinned.update(sectors, start);
  }

  #checkLength(lengthBytes: number): void {
    if (lengthBytes > this.#maxTransferBytes) throw new RangeError('the transfer is longer than the buffers');
  }

  #floor(offsetBytes: number): number {
    return offsetBytes - (offsetBytes % this.#segment.sectorSizeBytes);
  }

  #ceil(offsetBytes: number): number {
    return this.#floor(offsetBytes + this.#segment.sectorSizeBytes - 1);
  }
}
