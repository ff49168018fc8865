import {pbkdf2 as pbkdf2WithCallback, timingSafeEqual} from 'node:crypto';
import {promisify} from 'node:util';
import type {VolumeKeyDigest} from '../lifecycle/plan.ts';

const pbkdf2 = promisify(pbkdf2WithCallback);

/**
 * Whether a volume key is the one that a vetted header's digest was made of (LUKS2 specification, section 3.4).
 *
 * An image belongs to its user, who may exchange its header at any time for one that opens with another passphrase.
 * To know that a passphrase opens *this* open vault, a caller keeps the digest of the header that the vault was opened
 * with, unlocks, and asks here. The digest is no secret.
 *
 * Rejects with OpenSSL's error for a hash that it does not have (ripemd160 and whirlpool on most systems).
 */
export async function isVolumeKeyOf(digest: VolumeKeyDigest, volumeKey: Buffer): Promise<boolean> {
  const wanted = Buffer.from(digest.digest, 'base64');
  const salt = Buffer.from(digest.salt, 'base64');
  const made = await pbkdf2(volumeKey, salt, digest.iterations, wanted.length, opensslName(digest.hash));
  return timingSafeEqual(made, wanted);
}

/** cryptsetup and OpenSSL spell only these differently. */
function opensslName(hash: string): string {
  return {'blake2b-512': 'blake2b512', 'blake2s-256': 'blake2s256'}[hash] ?? hash;
}
