import {allocateSecret} from './secret-buffer.ts';

const marker = Buffer.from('\nMK dump:\t');

/**
 * Finds the volume key in what `cryptsetup luksDump --dump-volume-key` prints: after `MK dump:` the bytes in
 * hexadecimal, between them spaces and line ends, and nothing after them (cryptsetup 2.0 to 2.8).
 *
 * Returns undefined unless there are exactly as many bytes as wanted. No part of the key becomes a string, because
 * strings cannot be zeroed; the caller zeroes `dump` and the result.
 */
export function parseVolumeKeyDump(dump: Buffer, keySizeBytes: number): Buffer | undefined {
  const start = dump.lastIndexOf(marker);
  if (start === -1) return undefined;
  const key = allocateSecret(keySizeBytes);
  if (readHex(dump.subarray(start + marker.length), key)) return key;
  key.fill(0);
  return undefined;
}

/** Whether the text holds just as many hexadecimal digits as the key has half bytes, and nothing but white space. */
function readHex(text: Buffer, key: Buffer): boolean {
  let digits = 0;
  for (const byte of text) {
    if (byte === 0x20 || byte === 0x0a || byte === 0x09) continue;
    const digit = hexDigit(byte);
    if (digit === undefined || digits === 2 * key.length) return false;
    key[digits >> 1]! |= digits % 2 === 0 ? digit << 4 : digit;
    digits += 1;
  }
  return digits === 2 * key.length;
}

function hexDigit(byte: number): number | undefined {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  if (byte >= 0x61 && byte <= 0x66) return byte - 0x61 + 10;
  return undefined;
}
