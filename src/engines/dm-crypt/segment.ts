import {fstatSync} from 'node:fs';
import type {CryptSegment, Refusal} from '../engine.ts';

/**
 * Why the kernel's `crypt` target cannot serve a segment; undefined when nothing is known against it. Which ciphers a
 * kernel has shows when it is asked for one.
 */
export function refuseSegment({sectorSizeBytes, ivTweak, sizeBytes}: CryptSegment): Refusal | undefined {
  const whole = sizeBytes === 'dynamic' || sizeBytes % sectorSizeBytes === 0;
  // The target counts in units of 512 bytes, and takes no number that lies within a sector.
  if (whole && ivTweak % BigInt(sectorSizeBytes / 512) === 0n) return undefined;
  return {
    what: 'The dm-crypt engine cannot open this vault.',
    why: 'Its data segment is not a whole number of sectors, or does not start at one.',
    next: 'tazpod vault unlock --engine fuse',
  };
}

/** The size of the plaintext, up to the end of the image where the header leaves it open. */
export function measureSegment({offsetBytes, sectorSizeBytes, sizeBytes}: CryptSegment, imageFd: number): number {
  if (sizeBytes !== 'dynamic') return sizeBytes;
  const restBytes = Math.max(0, fstatSync(imageFd).size - offsetBytes);
  return restBytes - (restBytes % sectorSizeBytes);
}
