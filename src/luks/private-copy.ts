import {closeSync, constants, ftruncateSync, openSync} from 'node:fs';
import {nameless} from '../foundation/open-beneath.ts';
import {readWhole, writeWhole} from '../foundation/whole-bytes.ts';
import {splitKeySizeBytes} from './anti-forensic.ts';
import {imageRefused, keySlotCutShort} from './failures.ts';
import {readHeaderCopies} from './header-reader.ts';
import {currentHeader, type LuksHeader} from './header.ts';
import type {Keyslot} from './metadata.ts';
import {renderHeader} from './render.ts';
import {vetHeader} from './vet.ts';
import type {VettingLimits} from './refusal.ts';

declare const vetted: unique symbol;

/**
 * A header that passed the vetting, and a private file that holds it. The calls of cryptsetup that bring a key along
 * take nothing else, and only `readVettedHeader` makes one.
 */
export type VettedHeader = {
  readonly header: LuksHeader;
  /** The same with the key slots that cannot be used here, all of which have passed, and with its tokens. */
  readonly whole: LuksHeader;
  /** Sentences for the user. */
  readonly warnings: readonly string[];
  /** A LUKS2 header in a file of its own: both copies, and the areas of the key slots; no data. */
  readonly copyFd: number;
  readonly [vetted]: true;
};

/**
 * Opens a file without a name in a directory, for the private copy. It goes away with its last descriptor in
 * any case, and no other process can ever open it by a path of this directory. A tmpfs can make one; `/dev/shm` is one.
 */
export function openNamelessFile(directory: string): number {
  return openSync(directory, nameless | constants.O_RDWR | constants.O_EXCL, 0o600);
}

/**
 * Vets the header of an opened image, and writes what passed into the private file `copyFd` (empty, read-write).
 *
 * The copy's header is rendered from the vetted values, and the areas of the key slots that may be tried are copied
 * beside it. From then on cryptsetup reads header and key slots there: the image can change meanwhile, it has no say.
 * The image is only read, and nothing of it but header and key slots.
 *
 * Throws a Failure: 65 for what is not a usable image, 69 for one that needs more memory than there is.
 */
export function readVettedHeader(
  imageFd: number,
  copyFd: number,
  limits: Omit<VettingLimits, 'imageSizeBytes'>,
): VettedHeader {
  const copies = readHeaderCopies(imageFd);
  const verdict = vetHeader(copies, {...limits, imageSizeBytes: copies.imageSizeBytes});
  if (verdict.verdict === 'refused') throw imageRefused(verdict);
  const {header} = verdict;
  writeCopy(imageFd, copyFd, header, header.keyslots);
  const warnings = verdict.verdict === 'opens' ? [] : verdict.warnings;
  return {header, whole: currentHeader(copies)!, warnings, copyFd} as unknown as VettedHeader;
}

/**
 * Writes another private file for a program that is to add a key slot: as `readVettedHeader`, and with the key slots
 * that cannot be used here, so that the place of none is taken. None of those can be tried.
 */
export function copyForNewKeyslot({header, whole, copyFd}: VettedHeader, newFd: number): VettedHeader {
  const usable = header.keyslots.map(({id}) => id);
  const keyslots = whole.keyslots.map((slot) =>
    usable.includes(slot.id) ? slot : {...slot, priority: 'ignore' as const},
  );
  writeCopy(copyFd, newFd, {...whole, keyslots}, header.keyslots);
  return {header, whole, warnings: [], copyFd: newFd} as unknown as VettedHeader;
}

/** Closes the private file; its contents are gone. */
export function discardVettedHeader(vettedHeader: VettedHeader): void {
  closeSync(vettedHeader.copyFd);
}

function writeCopy(imageFd: number, copyFd: number, header: LuksHeader, keyslots: readonly Keyslot[]): void {
  writeWhole(copyFd, renderHeader(header), 0);
  for (const {area, keySizeBytes} of keyslots) {
    copyRange(imageFd, copyFd, area.offsetBytes, splitKeySizeBytes(keySizeBytes));
  }
  // cryptsetup wants the file to reach to the end of the area of the key slots. What is not copied is a hole.
  ftruncateSync(copyFd, 2 * header.headerSizeBytes + header.keyslotsSizeBytes);
}

/** Throws a Failure (65) where the file ends before the range does. */
export function copyRange(fromFd: number, toFd: number, offsetBytes: number, sizeBytes: number): void {
  const bytes = Buffer.alloc(sizeBytes);
  if (readWhole(fromFd, bytes, offsetBytes) < sizeBytes) throw keySlotCutShort();
  writeWhole(toFd, bytes, offsetBytes);
}
