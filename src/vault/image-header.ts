import {closeSync, constants, openSync} from 'node:fs';
import {readWhole} from '../foundation/whole-bytes.ts';
import {currentHeader, type HeaderCopies, type LuksHeader} from '../luks/header.ts';
import {readHeaderCopies} from '../luks/header-reader.ts';
import {vetHeader} from '../luks/vet.ts';
import {headerUnusable} from './failures.ts';

/** What the header of an image says of the vault, without a key. */
export type ImageHeader = {
  readonly uuid: string;
  /** The numbers of the key slots that hold a key. */
  readonly keySlots: readonly number[];
  /** Grows with each change of the header: a key slot that was added or removed, say. */
  readonly sequence: bigint;
  /** What the volume key is known by: two headers that share it decipher the same data. */
  readonly volumeKeyDigest: string;
  /** Length of one copy. */
  readonly headerSizeBytes: number;
  /** Length of both copies of the header and of the area of the key slots: everything before the data. */
  readonly areasSizeBytes: number;
  /** Where the data begins. */
  readonly dataOffsetBytes: number;
  /** Sentences about what is wrong with it and does not keep the vault from opening. */
  readonly warnings: readonly string[];
};

/**
 * Reads and vets the header of an opened image. Memory that its key slots need is no reason to refuse it here: a backup
 * of it is as good. Throws a Failure (65) if it is none that TazPod opens; `path` is for its words.
 */
export function readImageHeader(imageFd: number, path: string): ImageHeader {
  return judged(readHeaderCopies(imageFd), path);
}

/**
 * The same of a file that has the header and no data, as `vault backup --header` and cryptsetup's luksHeaderBackup make
 * it: where the data would begin is beyond its end.
 */
export function readHeaderBackup(fd: number, path: string): ImageHeader {
  const copies = readHeaderCopies(fd);
  const header = currentHeader(copies);
  const dataEndBytes = header?.segments[0] === undefined ? 0 : header.segments[0].offsetBytes + 2 ** 20;
  return judged({...copies, imageSizeBytes: Math.max(copies.imageSizeBytes, dataEndBytes)}, path);
}

/** Whether a file is a header without data. */
export function isHeaderOnly({areasSizeBytes, dataOffsetBytes}: ImageHeader, fileSizeBytes: number): boolean {
  return fileSizeBytes >= areasSizeBytes && fileSizeBytes <= dataOffsetBytes;
}

/** The header of the image at a path; undefined where none is there that can be read. */
export function headerAt(path: string): ImageHeader | undefined {
  let fd: number;
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch {
    return undefined;
  }
  try {
    return readImageHeader(fd, path);
  } catch {
    return undefined;
  } finally {
    closeSync(fd);
  }
}

/** The bytes of both copies and of the key slots, as they are. */
export function readHeaderAreas(fd: number, sizeBytes: number): Buffer {
  const bytes = Buffer.alloc(sizeBytes);
  return bytes.subarray(0, readWhole(fd, bytes, 0));
}

function judged(copies: HeaderCopies, path: string): ImageHeader {
  const {imageSizeBytes} = copies;
  const verdict = vetHeader(copies, {imageSizeBytes, memoryLimitKiB: Number.MAX_SAFE_INTEGER, imageName: path});
  if (verdict.verdict === 'refused') throw headerUnusable(path, verdict);
  const warnings = verdict.verdict === 'opens' ? [] : verdict.warnings;
  return {...described(currentHeader(copies)!), warnings};
}

function described(header: LuksHeader): Omit<ImageHeader, 'warnings'> {
  const {uuid, keyslots, sequence, digests, segments, headerSizeBytes, keyslotsSizeBytes} = header;
  const {hash, iterations, salt, digest} = digests.find((each) => each.segments.includes(0))!;
  return {
    uuid,
    keySlots: keyslots.map(({id}) => id),
    sequence,
    volumeKeyDigest: [hash, iterations, salt, digest].join(':'),
    headerSizeBytes,
    areasSizeBytes: 2 * headerSizeBytes + keyslotsSizeBytes,
    dataOffsetBytes: segments[0]!.offsetBytes,
  };
}
