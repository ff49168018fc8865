/**
 * The ciphers that a header may ask for, as dm-crypt spells them, with the sizes in bytes of their keys.
 *
 * The list is closed: all of these hide what they encrypt and where it repeats. Left out are the null cipher, ECB, CBC
 * with predictable vectors, everything that needs an integrity device, and every other spelling (`capi:…`) of a cipher
 * that is in the list. Which of them an engine can serve is the engine's to say.
 */
const keySizesBytes: ReadonlyMap<string, readonly number[]> = new Map([
  ['aes-xts-plain64', [32, 48, 64]],
  ['serpent-xts-plain64', [32, 48, 64]],
  ['twofish-xts-plain64', [32, 48, 64]],
  ['camellia-xts-plain64', [32, 48, 64]],
  ['aes-cbc-essiv:sha256', [16, 24, 32]],
  ['serpent-cbc-essiv:sha256', [16, 24, 32]],
  ['twofish-cbc-essiv:sha256', [16, 24, 32]],
  ['xchacha12,aes-adiantum-plain64', [32]],
  ['xchacha20,aes-adiantum-plain64', [32]],
]);

/** Sizes in bytes of the digests of the hashes that a header may name, as cryptsetup spells them. */
const hashSizesBytes: ReadonlyMap<string, number> = new Map([
  ['sha1', 20],
  ['sha224', 28],
  ['sha256', 32],
  ['sha384', 48],
  ['sha512', 64],
  ['sha3-224', 28],
  ['sha3-256', 32],
  ['sha3-384', 48],
  ['sha3-512', 64],
  ['blake2b-512', 64],
  ['blake2s-256', 32],
  ['ripemd160', 20],
  ['whirlpool', 64],
]);

/** The sizes in bytes that a key of this cipher may have; undefined for a cipher that no header may ask for. */
export function keySizesOf(encryption: string): readonly number[] | undefined {
  return keySizesBytes.get(encryption);
}

/** The size in bytes of a hash; undefined for one that no header may name. */
export function hashSizeOf(hash: string): number | undefined {
  return hashSizesBytes.get(hash);
}

/** Whether this asks for no encryption at all, in any spelling (`cipher_null-ecb`, `capi:ecb(cipher_null)`). */
export function isNullCipher(encryption: string): boolean {
  return /null|^none\b/i.test(encryption);
}
