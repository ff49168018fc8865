import {binaryFields, binaryHeaderSizeBytes, checksumOf} from '../../src/luks/binary-header.ts';
import {withValue} from './json-tree.ts';
import type {JsonTree} from './json-tree.ts';

/** Which copy of a header a fault is made in. */
export type Where = 'both copies' | 'the first copy' | 'the second copy';
export const everywhere: readonly Where[] = ['both copies', 'the first copy', 'the second copy'];

/** Size of one copy in the headers that cryptsetup makes. */
const copySizeBytes = 0x4000;

/** A change of one copy, in place. */
export type Change = (copy: Buffer) => void;

/** The image with a change in one or both header copies; their checksums made right again, or left wrong. */
export function forge(image: Buffer, where: Where, change: Change, {reseal}: {readonly reseal: boolean}): Buffer {
  const forged = Buffer.from(image);
  for (const copy of copiesOf(forged, where)) {
    change(copy);
    if (reseal) sealCopy(copy);
  }
  return forged;
}

/** Makes the checksum of a copy right again. */
export function sealCopy(copy: Buffer): void {
  checksumOf(copy).copy(copy, binaryFields.checksum.offset);
}

export function copiesOf(image: Buffer, where: Where): Buffer[] {
  const first = image.subarray(0, copySizeBytes);
  const second = image.subarray(copySizeBytes, 2 * copySizeBytes);
  return {'both copies': [first, second], 'the first copy': [first], 'the second copy': [second]}[where];
}

/** The metadata of the first copy. */
export function metadataOf(image: Buffer): JsonTree {
  const area = image.subarray(binaryHeaderSizeBytes, copySizeBytes);
  return JSON.parse(area.toString('utf8', 0, area.indexOf(0))) as JsonTree;
}

/** Replaces a field of the binary part; what is shorter is filled up with zeros. */
export function setField(field: keyof typeof binaryFields, value: Buffer | bigint | string): Change {
  return (copy) => {
    const {offset, size} = binaryFields[field];
    copy.fill(0, offset, offset + size);
    if (typeof value === 'bigint') copy.fill(bigEndian(value, size), offset, offset + size);
    else Buffer.from(value as string, 'latin1').copy(copy, offset, 0, size);
  };
}

/** Inverts a byte. */
export function flipByte(offset: number): Change {
  return (copy) => {
    copy[offset]! ^= 0xff;
  };
}

/** Replaces the text of the JSON area; the rest of the area becomes zeros. */
export function setText(text: string | Buffer): Change {
  return (copy) => {
    copy.fill(0, binaryHeaderSizeBytes);
    Buffer.from(text as string).copy(copy, binaryHeaderSizeBytes);
  };
}

/** Changes one place of the metadata. */
export function setPlace(place: string, value: JsonTree | undefined): Change {
  return (copy) => setText(JSON.stringify(withValue(metadataOf(copy), place, value)))(copy);
}

function bigEndian(value: bigint, size: number): Buffer {
  return Buffer.from(value.toString(16).padStart(2 * size, '0'), 'hex');
}
