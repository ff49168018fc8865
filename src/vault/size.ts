import {bytesOf} from '../foundation/size.ts';
import {maximumSizeBytes} from '../lifecycle/plan.ts';
import {notASize, tooLarge, tooSmall} from './failures.ts';

/**
 * What a vault takes at least: 16 MiB of LUKS2 header and key slots, and an ext4 that has room for a journal, without
 * which a killed ghost could cost more than the last second.
 */
export const minimumSizeBytes = 32 * 2 ** 20;

/** An image is a whole number of pages, so that the last sector of 4096 bytes is a whole one. */
const granularityBytes = 4096;

/** Reads a size such as `512M`, `2GiB` or `1073741824`, in bytes. Throws a Failure (64). */
export function parseSize(text: string): number {
  const sizeBytes = bytesOf(text);
  if (sizeBytes === undefined) throw notASize(text);
  const rounded = Math.ceil(sizeBytes / granularityBytes) * granularityBytes;
  if (rounded < minimumSizeBytes) {
    throw tooSmall(text, formatSize(minimumSizeBytes));
  }
  if (rounded > maximumSizeBytes) {
    throw tooLarge(text, formatSize(maximumSizeBytes));
  }
  return rounded;
}

/** A size for people: `512 MiB`. */
export function formatSize(sizeBytes: number): string {
  const names = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB'];
  const power = Math.min(names.length - 1, Math.floor(Math.log2(Math.max(1, sizeBytes)) / 10));
  const value = sizeBytes / 2 ** (10 * power);
  return `${Number.isInteger(value) ? value : value.toFixed(1)} ${names[power]!}`;
}
