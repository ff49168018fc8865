import {readWhole} from '../../foundation/whole-bytes.ts';
import {pinnedBytes} from '../superblock.ts';
import type {ServedSegment} from './segment.ts';

/**
 * The beginning of a segment, where the superblock is, in the memory of the server: read from the image once, before
 * anybody is answered, and from then on changed by what is written through the server only. So the superblock that was
 * vetted is the one that e2fsck, the kernel and fuse2fs read, although the image's owner, who has the passphrase and can
 * encipher what he likes, may write another one into the image at any time.
 *
 * What is kept is ciphertext, as it is in the image. All threads share one; the caller has the lock of the range.
 */
export class PinnedBlocks {
  readonly memory: SharedArrayBuffer;
  readonly #bytes: Buffer;

  constructor(memory: SharedArrayBuffer) {
    this.memory = memory;
    this.#bytes = Buffer.from(memory);
  }

  /** The pinned bytes of an image, as they are now. Throws the system's error where they cannot be read. */
  static read(imageFd: number, {offsetBytes, sizeBytes}: ServedSegment): PinnedBlocks {
    const memory = new SharedArrayBuffer(Math.min(pinnedBytes, sizeBytes));
    const bytes = Buffer.from(memory);
    const count = readWhole(imageFd, bytes, offsetBytes);
    if (count < bytes.length) throw new Error('the image ends before its data segment begins');
    return new PinnedBlocks(memory);
  }

  /** Puts the pinned bytes over those that were read from the image. `start` is their place in the segment. */
  overlay(sectors: Buffer, start: number): void {
    if (start < this.#bytes.length) this.#bytes.copy(sectors, 0, start);
  }

  /** Takes over what was written to the image. */
  update(sectors: Buffer, start: number): void {
    if (start < this.#bytes.length) sectors.copy(this.#bytes, start);
  }
}
