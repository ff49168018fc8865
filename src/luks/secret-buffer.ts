/**
 * A Buffer for a secret, which its user zeroes. V8 keeps the bytes of typed arrays of up to 64 bytes on its own heap,
 * and its garbage collector copies them about (seen: an AES-256-XTS key has just 64, and was still in memory after
 * `fill(0)`). The bytes of an ArrayBuffer of its own stay where they are.
 */
export function allocateSecret(sizeBytes: number): Buffer {
  return Buffer.from(new ArrayBuffer(sizeBytes));
}
