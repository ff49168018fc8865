import {createHash} from 'node:crypto';

/** Size of the binary part of a header copy; its JSON area follows. */
export const binaryHeaderSizeBytes = 4096;

/** The sizes that a header copy (binary part and JSON area) may have; each is also where the second copy then lies. */
export const headerSizesBytes = [
  0x4000, 0x8000, 0x10000, 0x20000, 0x40000, 0x80000, 0x100000, 0x200000, 0x400000,
] as const;

export type CopyLocation = 'primary' | 'secondary';

/** Offsets and sizes of the fields: `struct luks2_hdr_disk`, LUKS2 On-Disk Format Specification, section 2.1. */
export const binaryFields = {
  magic: {offset: 0, size: 6},
  version: {offset: 6, size: 2},
  headerSize: {offset: 8, size: 8},
  sequence: {offset: 16, size: 8},
  label: {offset: 24, size: 48},
  checksumAlgorithm: {offset: 72, size: 32},
  salt: {offset: 104, size: 64},
  uuid: {offset: 168, size: 40},
  subsystem: {offset: 208, size: 48},
  headerOffset: {offset: 256, size: 8},
  checksum: {offset: 448, size: 64},
} as const;

const magic = {
  primary: Buffer.from('LUKS\xba\xbe', 'latin1'),
  secondary: Buffer.from('SKUL\xba\xbe', 'latin1'),
} as const;

/** The binary part of one header copy. Numbers are big-endian on disk. */
export type BinaryHeader = {
  readonly headerSizeBytes: number;
  /** Grows with each change of the header: of two good copies the one with the greater number counts. */
  readonly sequence: bigint;
  readonly label: string;
  readonly subsystem: string;
  readonly uuid: string;
};

/** What the first bytes of a copy say, before its checksum is looked at. */
export type Signature = 'none' | 'luks1' | 'luks2' | 'later-version';

/** Reads magic and version. A version of 0 is taken for a damaged LUKS2, as cryptsetup does. */
export function signatureOf(bytes: Buffer, location: CopyLocation): Signature {
  if (bytes.length < 8 || !bytes.subarray(0, 6).equals(magic[location])) return 'none';
  const version = bytes.readUInt16BE(binaryFields.version.offset);
  if (version > 2) return 'later-version';
  return version === 1 && location === 'primary' ? 'luks1' : 'luks2';
}

/**
 * Decodes the binary part of a copy that was found at `offsetBytes`, without looking at its checksum.
 * Returns the sentence that says what is wrong with it instead, if something is.
 */
export function decodeBinaryHeader(
  bytes: Buffer,
  location: CopyLocation,
  offsetBytes: number,
): BinaryHeader | {readonly problem: string} {
  if (bytes.length < binaryHeaderSizeBytes) return {problem: 'the image ends inside it'};
  if (bytes.readUInt16BE(binaryFields.version.offset) !== 2) return {problem: 'it is of an unknown version'};
  const size = bytes.readBigUInt64BE(binaryFields.headerSize.offset);
  const headerSizeBytes = headerSizesBytes.find((known) => BigInt(known) === size);
  if (headerSizeBytes === undefined) return {problem: 'LUKS2 does not allow its size'};
  if (bytes.readBigUInt64BE(binaryFields.headerOffset.offset) !== BigInt(offsetBytes)) {
    return {problem: 'it belongs at another offset'};
  }
  if (location === 'secondary' && headerSizeBytes !== offsetBytes) {
    return {problem: 'its size does not match its place'};
  }
  if (text(bytes, 'checksumAlgorithm') !== 'sha256') return {problem: 'its checksum is of an unknown kind'};
  return {
    headerSizeBytes,
    sequence: bytes.readBigUInt64BE(binaryFields.sequence.offset),
    label: text(bytes, 'label'),
    subsystem: text(bytes, 'subsystem'),
    uuid: text(bytes, 'uuid'),
  };
}

/** The SHA-256 of a whole copy, its own checksum field taken as zero. */
export function checksumOf(copy: Buffer): Buffer {
  const {offset, size} = binaryFields.checksum;
  return createHash('sha256')
    .update(copy.subarray(0, offset))
    .update(Buffer.alloc(size))
    .update(copy.subarray(offset + size))
    .digest();
}

/** Whether a whole copy carries its own checksum. Of the 64 bytes of the field SHA-256 uses the first 32. */
export function checksumMatches(copy: Buffer): boolean {
  const {offset} = binaryFields.checksum;
  return checksumOf(copy).equals(copy.subarray(offset, offset + 32));
}

/**
 * Writes a whole copy: binary part, JSON text padded with zeros, checksum.
 * The caller has made sure that the text and one NUL fit behind the binary part.
 */
export function encodeCopy(header: BinaryHeader, salt: Buffer, json: Buffer, location: CopyLocation): Buffer {
  const binary = Buffer.alloc(binaryHeaderSizeBytes);
  binary.writeUInt16BE(2, binaryFields.version.offset);
  binary.writeBigUInt64BE(BigInt(header.headerSizeBytes), binaryFields.headerSize.offset);
  binary.write('sha256', binaryFields.checksumAlgorithm.offset);
  binary.write(header.uuid, binaryFields.uuid.offset, binaryFields.uuid.size - 1);
  return reencodeCopy(binary, header, salt, json, location);
}

/** The same after the binary part of a copy that is there, whose label and all other fields stay. */
export function reencodeCopy(
  binary: Buffer,
  {headerSizeBytes, sequence}: Pick<BinaryHeader, 'headerSizeBytes' | 'sequence'>,
  salt: Buffer,
  json: Buffer,
  location: CopyLocation,
): Buffer {
  const copy = Buffer.alloc(headerSizeBytes);
  binary.copy(copy, 0, 0, binaryHeaderSizeBytes);
  magic[location].copy(copy);
  copy.writeBigUInt64BE(sequence, binaryFields.sequence.offset);
  salt.copy(copy, binaryFields.salt.offset, 0, binaryFields.salt.size);
  copy.writeBigUInt64BE(BigInt(location === 'primary' ? 0 : headerSizeBytes), binaryFields.headerOffset.offset);
  json.copy(copy, binaryHeaderSizeBytes);
  copy.fill(0, binaryFields.checksum.offset, binaryFields.checksum.offset + binaryFields.checksum.size);
  checksumOf(copy).copy(copy, binaryFields.checksum.offset);
  return copy;
}

/** A text field up to its first NUL. The last byte is taken for a NUL, as cryptsetup does. */
function text(bytes: Buffer, field: 'label' | 'checksumAlgorithm' | 'uuid' | 'subsystem'): string {
  const {offset, size} = binaryFields[field];
  const area = bytes.subarray(offset, offset + size - 1);
  const end = area.indexOf(0);
  return area.toString('utf8', 0, end === -1 ? area.length : end);
}
