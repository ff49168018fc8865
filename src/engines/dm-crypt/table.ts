import type {CryptSegment} from '../engine.ts';

/** The unit of device-mapper's tables, for any sectors of the cipher. */
const unitBytes = 512;

/**
 * The table of a mapping that deciphers a segment: one line for the kernel's `crypt` target
 * (Documentation/admin-guide/device-mapper/dm-crypt.rst), as cryptsetup writes it for LUKS2.
 *
 * `device` is the block device that holds the whole image, `7:0`. The result holds the key, in hexadecimal digits that
 * never were a string: the caller zeroes it. `start` is where the line begins in the mapping, in units of 512 bytes.
 */
export function cryptTable(
  segment: CryptSegment,
  sizeBytes: number,
  volumeKey: Buffer,
  device: string,
  start = 0,
): Buffer {
  const {encryption, ivTweak, offsetBytes, sectorSizeBytes} = segment;
  const options = sectorSizeBytes === unitBytes ? '' : ` 1 sector_size:${sectorSizeBytes}`;
  const before = Buffer.from(`${start} ${sizeBytes / unitBytes} crypt ${encryption} `);
  const after = Buffer.from(` ${ivTweak} ${device} ${offsetBytes / unitBytes}${options}\n`);
  const table = Buffer.alloc(before.length + 2 * volumeKey.length + after.length);
  before.copy(table);
  writeHexadecimal(volumeKey, table, before.length);
  after.copy(table, before.length + 2 * volumeKey.length);
  return table;
}

/**
 * The same with the beginning of the plaintext from another device, which holds it enciphered as it is in the image.
 * The caller zeroes the result.
 */
export function pinnedTable(
  segment: CryptSegment,
  sizeBytes: number,
  volumeKey: Buffer,
  device: string,
  copy: {readonly device: string; readonly sizeBytes: number},
): Buffer {
  const units = copy.sizeBytes / unitBytes;
  const first = cryptTable({...segment, offsetBytes: 0}, copy.sizeBytes, volumeKey, copy.device);
  const behind = {
    ...segment,
    offsetBytes: segment.offsetBytes + copy.sizeBytes,
    ivTweak: (segment.ivTweak + BigInt(units)) % 2n ** 64n,
  };
  const second = cryptTable(behind, sizeBytes - copy.sizeBytes, volumeKey, device, units);
  const table = Buffer.concat([first, second]);
  first.fill(0);
  second.fill(0);
  return table;
}

/** The table of a mapping that answers every access with an error, and holds nothing. */
export function errorTable(sizeBytes: number): string {
  return `0 ${sizeBytes / unitBytes} error`;
}

const digits = Buffer.from('0123456789abcdef');

function writeHexadecimal(bytes: Buffer, target: Buffer, offset: number): void {
  for (const [index, byte] of bytes.entries()) {
    target[offset + 2 * index] = digits[byte >> 4]!;
    target[offset + 2 * index + 1] = digits[byte & 15]!;
  }
}
