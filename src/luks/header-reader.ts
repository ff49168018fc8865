import {createHash} from 'node:crypto';
import {fstatSync} from 'node:fs';
import {readWhole} from '../foundation/whole-bytes.ts';
import {
  binaryHeaderSizeBytes,
  checksumMatches,
  decodeBinaryHeader,
  headerSizesBytes,
  signatureOf,
} from './binary-header.ts';
import type {BinaryHeader, CopyLocation} from './binary-header.ts';
import type {HeaderCopies, HeaderCopy} from './header.ts';
import {MalformedMetadata, parseMetadata} from './metadata.ts';

/**
 * Reads both copies of the header of an opened image, the way cryptsetup does: the second one where the first says,
 * or, if the checksum of the first is wrong, at the first place of nine that has one.
 * Reads and allocates at most 4 MiB at a time, ten times.
 */
export function readHeaderCopies(imageFd: number): HeaderCopies {
  const imageSizeBytes = fstatSync(imageFd).size;
  const start = readAt(imageFd, 0, binaryHeaderSizeBytes);
  const primary = readCopy(imageFd, 'primary', 0);
  const offsets = primary.headerSizeBytes === undefined ? headerSizesBytes : [primary.headerSizeBytes];
  return {
    imageSizeBytes,
    signature: signatureOf(start, 'primary'),
    startsBlank: start.every((byte) => byte === 0),
    primary: primary.copy,
    secondary: findSecondary(imageFd, offsets),
  };
}

type ReadCopy = {
  readonly copy: HeaderCopy;
  /** Size of the copy; undefined unless its checksum is right. */
  readonly headerSizeBytes?: number;
};

function findSecondary(imageFd: number, offsets: readonly number[]): HeaderCopy {
  let found: HeaderCopy = {state: 'absent'};
  for (const offset of offsets) {
    const {copy, headerSizeBytes} = readCopy(imageFd, 'secondary', offset);
    if (headerSizeBytes !== undefined) return copy;
    if (found.state === 'absent') found = copy;
  }
  return found;
}

function readCopy(imageFd: number, location: CopyLocation, offsetBytes: number): ReadCopy {
  try {
    return decodeCopy(imageFd, location, offsetBytes);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EIO') throw error;
    return {copy: {state: 'damaged', problem: 'the disk cannot read it'}};
  }
}

function decodeCopy(imageFd: number, location: CopyLocation, offsetBytes: number): ReadCopy {
  const binary = readAt(imageFd, offsetBytes, binaryHeaderSizeBytes);
  const signature = signatureOf(binary, location);
  if (signature === 'none') return {copy: {state: 'absent'}};
  const decoded = decodeBinaryHeader(binary, location, offsetBytes);
  if ('problem' in decoded) return {copy: {state: 'damaged', problem: decoded.problem}};
  const {headerSizeBytes} = decoded;
  const whole = readAt(imageFd, offsetBytes, headerSizeBytes);
  if (whole.length < headerSizeBytes) return {copy: {state: 'damaged', problem: 'the image ends inside it'}};
  if (!checksumMatches(whole)) return {copy: {state: 'damaged', problem: 'its checksum is wrong'}};
  try {
    const area = whole.subarray(binaryHeaderSizeBytes);
    const header = {...decoded, ...parseMetadata(area)};
    return {copy: {state: 'sound', header, fingerprint: fingerprintOf(decoded, area)}, headerSizeBytes};
  } catch (error) {
    if (!(error instanceof MalformedMetadata)) throw error;
    return {copy: {state: 'damaged', problem: error.message}, headerSizeBytes};
  }
}

/** Equal in two copies that say the same thing. */
function fingerprintOf(binary: BinaryHeader, area: Buffer): string {
  return createHash('sha256')
    .update(JSON.stringify([binary.label, binary.subsystem, binary.uuid]))
    .update(area)
    .digest('hex');
}

function readAt(fd: number, offsetBytes: number, sizeBytes: number): Buffer {
  const buffer = Buffer.alloc(sizeBytes);
  return buffer.subarray(0, readWhole(fd, buffer, offsetBytes));
}
