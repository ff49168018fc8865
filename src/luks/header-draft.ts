import {randomBytes} from 'node:crypto';
import {closeSync, fstatSync, fsyncSync, ftruncateSync} from 'node:fs';
import {readWhole, writeWhole} from '../foundation/whole-bytes.ts';
import {splitKeySizeBytes} from './anti-forensic.ts';
import {binaryHeaderSizeBytes, checksumMatches, type CopyLocation, reencodeCopy} from './binary-header.ts';
import {headerChangedMeanwhile, headerNotChanged, headerNotProven, headerTooSmall} from './failures.ts';
import {parseHeaderJson, renderHeaderJson, type JsonObject} from './header-json.ts';
import {readHeaderCopies} from './header-reader.ts';
import {currentHeader, type LuksHeader} from './header.ts';
import type {Keyslot} from './metadata.ts';
import {copyRange, openNamelessFile, readVettedHeader, type VettedHeader} from './private-copy.ts';
import type {VettingLimits} from './refusal.ts';

/** The header of a file as it stands there, with what TazPod does not know of it. A change keeps all of that. */
export type HeaderSource = {
  readonly header: LuksHeader;
  readonly json: JsonObject;
  /** The binary part of the copy that counts. */
  readonly binary: Buffer;
  /** Greater than the number of either copy. */
  readonly nextSequence: bigint;
};

/** A changed header that is not in the image yet: a private file like the image, with no data. */
export type HeaderDraft = {
  readonly fd: number;
  readonly source: HeaderSource;
  /** The draft, vetted as any other header, for trying keys on it. */
  readonly vetted: VettedHeader;
};

/** Reads the copy of the header that counts. The image has been vetted. Throws a Failure (75) if it has changed since. */
export function readHeaderSource(fd: number): HeaderSource {
  const copies = readHeaderCopies(fd);
  const header = currentHeader(copies);
  if (header === undefined) throw headerChangedMeanwhile();
  const {primary, secondary} = copies;
  const offset = primary.state === 'sound' && primary.header === header ? 0 : header.headerSizeBytes;
  const bytes = Buffer.alloc(header.headerSizeBytes);
  readWhole(fd, bytes, offset);
  if (!checksumMatches(bytes)) throw headerChangedMeanwhile();
  const area = bytes.subarray(binaryHeaderSizeBytes);
  const sequences = [primary, secondary].map((copy) => (copy.state === 'sound' ? copy.header.sequence : 0n));
  return {
    header,
    json: parseHeaderJson(area.subarray(0, area.indexOf(0))) as JsonObject,
    binary: bytes.subarray(0, binaryHeaderSizeBytes),
    nextSequence: (sequences[0]! > sequences[1]! ? sequences[0]! : sequences[1]!) + 1n,
  };
}

/**
 * Makes a draft of the header of an image with other metadata. `added` are the key slots that are in `addedFd`; the areas
 * of all others are the image's. The draft is vetted, so nothing in it can overlap, and nothing is what TazPod would
 * refuse to open afterwards.
 */
export function draftHeader(
  imageFd: number,
  source: HeaderSource,
  json: JsonObject,
  limits: Omit<VettingLimits, 'imageSizeBytes'>,
  addedFd?: number,
): HeaderDraft {
  const {header} = source;
  const fd = openNamelessFile('/dev/shm');
  try {
    ftruncateSync(fd, fstatSync(imageFd).size);
    writeCopies(fd, source, json);
    const kept = header.keyslots.map(({id}) => id);
    const changed = currentHeader(readHeaderCopies(fd));
    if (changed === undefined) throw headerNotProven();
    for (const slot of changed.keyslots) {
      const isNew = addedFd !== undefined && !kept.includes(slot.id);
      if (isNew) requireFree(slot, header.keyslots);
      copyRange(isNew ? addedFd : imageFd, fd, slot.area.offsetBytes, splitKeySizeBytes(slot.keySizeBytes));
    }
    return {fd, source, vetted: readVettedHeader(fd, openNamelessFile('/dev/shm'), limits)};
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

function writeCopies(fd: number, {header, binary, nextSequence}: HeaderSource, json: JsonObject): void {
  const {headerSizeBytes} = header;
  const text = Buffer.from(renderHeaderJson(json));
  if (text.length >= headerSizeBytes - binaryHeaderSizeBytes) throw headerTooSmall();
  const encode = (location: CopyLocation) =>
    reencodeCopy(binary, {headerSizeBytes, sequence: nextSequence}, randomBytes(64), text, location);
  writeWhole(fd, encode('primary'), 0);
  writeWhole(fd, encode('secondary'), headerSizeBytes);
}

/** Closes the private files; their contents are gone. */
export function discardDraft({fd, vetted}: HeaderDraft): void {
  closeSync(fd);
  closeSync(vetted.copyFd);
}

/** A new slot must not lie where the key of an old one is, also not of one that goes: it may still have to open. */
function requireFree({area}: Keyslot, others: readonly Keyslot[]): void {
  const end = area.offsetBytes + area.sizeBytes;
  const overlaps = others.some(
    ({area: other}) => area.offsetBytes < other.offsetBytes + other.sizeBytes && other.offsetBytes < end,
  );
  if (overlaps) throw headerNotProven();
}

/** What `writeDraft` has just done, in this order. */
export type WrittenPart = 'new key slots' | 'second copy' | 'first copy' | 'free areas';

/**
 * Writes a draft into its image. Killed between any two writes, or in the middle of one, the image opens with its old
 * keys or with the new ones:
 *
 * 1. The new key slots go where no slot is, old or new. No header names them yet.
 * 2. The second copy of the header gets the greater sequence number. Torn, its checksum is wrong, and the first counts.
 *    Whole, it counts, by the rule of cryptsetup and TazPod that the newer of two good copies does.
 * 3. The first copy. Torn, the second counts.
 * 4. The places of key slots that are gone are overwritten, and with them whatever a change that was killed here has left.
 *
 * After each of them the disk is asked to keep it before the next one begins.
 *
 * Safe as root: the file is the caller's own, opened with the caller's ids for writing; nothing is written but what the
 * caller could write by hand, all of it before the data.
 *
 * Throws a Failure: 75 if somebody else has changed the header since the draft was made, 74 if the disk refuses it.
 */
export function writeDraft(
  imageFd: number,
  {fd, source, vetted: {whole}}: HeaderDraft,
  after: (part: WrittenPart) => void = () => {},
): void {
  const now = readHeaderSource(imageFd);
  if (now.nextSequence !== source.nextSequence || !now.binary.equals(source.binary)) throw headerChangedMeanwhile();
  const kept = source.header.keyslots.map(({id}) => id);
  const added = whole.keyslots.filter(({id}) => !kept.includes(id));
  const {headerSizeBytes: size} = whole;
  const parts: readonly (readonly [WrittenPart, () => void])[] = [
    ['new key slots', () => added.forEach(({area}) => copyRange(fd, imageFd, area.offsetBytes, area.sizeBytes))],
    ['second copy', () => copyRange(fd, imageFd, size, size)],
    ['first copy', () => copyRange(fd, imageFd, 0, size)],
    ['free areas', () => eraseFreeAreas(imageFd, whole)],
  ];
  try {
    for (const [part, write] of parts) {
      write();
      fsyncSync(imageFd);
      after(part);
    }
  } catch (error) {
    throw headerNotChanged(error);
  }
}

const chunkBytes = 256 * 1024;

/** Overwrites whatever is in the area of the key slots and belongs to none. What is zero already is left alone. */
function eraseFreeAreas(imageFd: number, {headerSizeBytes, keyslotsSizeBytes, keyslots}: LuksHeader): void {
  const areas = keyslots.map(({area}) => ({start: area.offsetBytes, end: area.offsetBytes + area.sizeBytes}));
  areas.sort((a, b) => a.start - b.start);
  const end = 2 * headerSizeBytes + keyslotsSizeBytes;
  let free = 2 * headerSizeBytes;
  for (const area of [...areas, {start: end, end}]) {
    for (let offset = free; offset < area.start; offset += chunkBytes) {
      eraseRange(imageFd, offset, Math.min(chunkBytes, area.start - offset));
    }
    free = area.end;
  }
}

function eraseRange(imageFd: number, offset: number, sizeBytes: number): void {
  const bytes = Buffer.alloc(sizeBytes);
  const found = readWhole(imageFd, bytes, offset);
  if (bytes.every((byte) => byte === 0)) return;
  writeWhole(imageFd, bytes.fill(0).subarray(0, found), offset);
}
