import {closeSync, fdatasyncSync, fsyncSync, ftruncateSync, openSync} from 'node:fs';
import {readWhole, writeWhole} from '../../foundation/whole-bytes.ts';
import {openNamelessFile} from '../../luks/private-copy.ts';
import {imageCutShort} from '../failures.ts';
import {pinnedBytes} from '../superblock.ts';
import {leastLoopBytes} from './hold.ts';

/**
 * The beginning of a segment, as it was when the vault was attached, in a file that nobody else can open: the mapping
 * reads and writes it there until the file system is mounted (see `mapped-device.ts`). It is enciphered as in the image.
 */
export class PinnedCopy {
  readonly fd: number;
  readonly sizeBytes = pinnedBytes;
  readonly #imageFd: number;
  readonly #offsetBytes: number;
  readonly #readOnly: boolean;

  /** `imageFd` stays the caller's, and must live as long as this. Where it is read-only, nothing is ever saved to it. */
  constructor(imageFd: number, offsetBytes: number, readOnly: boolean) {
    this.#imageFd = imageFd;
    this.#offsetBytes = offsetBytes;
    this.#readOnly = readOnly;
    this.fd = openNamelessFile('/dev/shm');
    ftruncateSync(this.fd, leastLoopBytes);
    copyBytes(imageFd, offsetBytes, this.fd, 0);
  }

  /** Brings what was written to the device behind it into the image, and onto the disk. */
  save(devicePath: string): void {
    if (this.#readOnly) return;
    const device = openSync(devicePath, 'r');
    fsyncSync(device);
    closeSync(device);
    copyBytes(this.fd, 0, this.#imageFd, this.#offsetBytes);
    fdatasyncSync(this.#imageFd);
  }

  close(): void {
    closeSync(this.fd);
  }
}

function copyBytes(fromFd: number, fromBytes: number, toFd: number, toBytes: number): void {
  const bytes = Buffer.alloc(pinnedBytes);
  if (readWhole(fromFd, bytes, fromBytes) < bytes.length) throw imageCutShort();
  writeWhole(toFd, bytes, toBytes);
}
