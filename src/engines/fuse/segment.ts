import {fstatSync} from 'node:fs';
import type {CryptSegment, Refusal} from '../engine.ts';

/** A segment that this engine serves: its cipher is AES-XTS with `plain64`, its size is known. */
export type ServedSegment = {
  readonly offsetBytes: number;
  /** A whole number of sectors. */
  readonly sizeBytes: number;
  readonly sectorSizeBytes: number;
  readonly ivTweak: bigint;
};

/** LUKS2 knows no others. */
const sectorSizesBytes = [512, 1024, 2048, 4096];

/** Why this engine cannot serve a segment; undefined when it can. */
export function refuseSegment(segment: CryptSegment): Refusal | undefined {
  const {encryption, sectorSizeBytes, offsetBytes, sizeBytes} = segment;
  if (encryption !== 'aes-xts-plain64') {
    return {
      what: 'The fuse engine cannot open a vault with this cipher.',
      why: 'It supports only aes-xts-plain64. The dm-crypt engine, on a kernel with device-mapper, supports the others.',
      next: 'tazpod vault unlock --engine dm-crypt',
    };
  }
  const isWhole = (bytes: number, unitBytes: number): boolean =>
    Number.isSafeInteger(bytes) && bytes >= 0 && bytes % unitBytes === 0;
  const fits = isWhole(offsetBytes, 512) && (sizeBytes === 'dynamic' || isWhole(sizeBytes, sectorSizeBytes));
  if (!sectorSizesBytes.includes(sectorSizeBytes) || !fits) {
    return {
      what: 'The data segment of this image is not one of LUKS2.',
      why: 'LUKS2 does not know the size of its sectors, or it is not a whole number of them.',
      next: 'Restore the header from a backup: cryptsetup luksHeaderRestore',
    };
  }
  return undefined;
}

/** The segment with its size in bytes, up to the end of the image where the header leaves it open. */
export function measureSegment(segment: CryptSegment, imageFd: number): ServedSegment {
  const {offsetBytes, sectorSizeBytes, ivTweak} = segment;
  if (segment.sizeBytes !== 'dynamic') return {offsetBytes, sectorSizeBytes, ivTweak, sizeBytes: segment.sizeBytes};
  const restBytes = Math.max(0, fstatSync(imageFd).size - offsetBytes);
  return {offsetBytes, sectorSizeBytes, ivTweak, sizeBytes: restBytes - (restBytes % sectorSizeBytes)};
}

/** A key of 48 bytes: two AES keys of 192 bits, which dm-crypt knows and OpenSSL does not. */
export function refuseKeySize(): Refusal {
  return {
    what: 'The fuse engine cannot open a vault with a key of this size.',
    why: 'It supports AES-XTS with 256 and 512 bits. The dm-crypt engine, on a kernel with device-mapper, supports 384 too.',
    next: 'tazpod vault unlock --engine dm-crypt',
  };
}
