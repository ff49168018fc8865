import {createCipheriv, createDecipheriv, type KeyObject} from 'node:crypto';
import type {ServedSegment} from './segment.ts';
import {isVolumeKeySize} from './sizes.ts';

/** The unit that initialisation vectors count in, for any size of a sector. */
const ivUnitBytes = 512;

/**
 * Enciphers and deciphers whole sectors of a segment in place: AES-XTS, one call of OpenSSL per sector.
 *
 * The initialisation vector is dm-crypt's `plain64`: the number of the sector's first 512-byte unit, counted from the
 * start of the segment, plus the segment's tweak, as 64 bits little-endian, then 64 zero bits. LUKS2 has no other
 * counting: dm-crypt's `iv_large_sectors` has no place in its header.
 *
 * The key is a KeyObject because OpenSSL's copy of it is then wiped with it, and because that is four times as fast
 * on Node 24 as bytes are.
 */
export class SectorCipher {
  readonly #algorithm: 'aes-128-xts' | 'aes-256-xts';
  readonly #key: KeyObject;
  readonly #sectorSizeBytes: number;
  readonly #ivTweak: bigint;
  readonly #iv = Buffer.alloc(16);

  /** `key` is the volume key: two AES keys of one size, so 32 or 64 bytes. */
  constructor(segment: Pick<ServedSegment, 'sectorSizeBytes' | 'ivTweak'>, key: KeyObject) {
    this.#algorithm = algorithmOf(key.symmetricKeySize);
    this.#key = key;
    this.#sectorSizeBytes = segment.sectorSizeBytes;
    this.#ivTweak = segment.ivTweak;
  }

  /** Enciphers `data`, whole sectors, the first of which starts `offsetBytes` into the segment. */
  encipher(data: Buffer, offsetBytes: number): void {
    for (let at = 0; at < data.length; at += this.#sectorSizeBytes) {
      const cipher = createCipheriv(this.#algorithm, this.#key, this.#ivOf(offsetBytes + at));
      cipher.update(data.subarray(at, at + this.#sectorSizeBytes)).copy(data, at);
    }
  }

  /** Deciphers `data`, whole sectors, the first of which starts `offsetBytes` into the segment. */
  decipher(data: Buffer, offsetBytes: number): void {
    for (let at = 0; at < data.length; at += this.#sectorSizeBytes) {
      const decipher = createDecipheriv(this.#algorithm, this.#key, this.#ivOf(offsetBytes + at));
      decipher.update(data.subarray(at, at + this.#sectorSizeBytes)).copy(data, at);
    }
  }

  #ivOf(offsetBytes: number): Buffer {
    const unit = BigInt(offsetBytes / ivUnitBytes) + this.#ivTweak;
    this.#iv.writeBigUInt64LE(BigInt.asUintN(64, unit), 0);
    return this.#iv;
  }
}

function algorithmOf(keySizeBytes: number | undefined): 'aes-128-xts' | 'aes-256-xts' {
  if (!isVolumeKeySize(keySizeBytes)) throw new RangeError('an AES-XTS key has 32 or 64 bytes');
  return keySizeBytes === 32 ? 'aes-128-xts' : 'aes-256-xts';
}
