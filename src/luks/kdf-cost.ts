import type {Digest, Kdf} from './metadata.ts';

/**
 * Speeds of a slow machine of today; this one does argon2id at 2 GiB a second on two cores, and 5.6 million rounds of
 * PBKDF2-SHA-256.
 */
const argonKiBPerSecond = 1024 * 1024;
const pbkdf2RoundsPerSecond = 1_000_000;

/** Longest that one try of all key slots may be expected to take. cryptsetup itself aims at 2 seconds a slot. */
export const unlockSecondsLimit = 600;

/** Seconds that one try of a passphrase in a key slot takes on a slow machine, roughly. */
function estimateKdfSeconds(kdf: Kdf): number {
  if (kdf.type === 'pbkdf2') return kdf.iterations / pbkdf2RoundsPerSecond;
  return (kdf.timeCost * kdf.memoryKiB) / argonKiBPerSecond;
}

/**
 * Seconds that a wrong passphrase takes, which is tried in every slot: each try derives a key, and then holds what the
 * slot's area seems to contain against the digest, which is a key derivation of its own.
 */
export function estimateUnlockSeconds(header: {
  readonly keyslots: readonly {readonly kdf: Kdf}[];
  readonly digests: readonly Pick<Digest, 'iterations'>[];
}): number {
  const digestSeconds = Math.max(0, ...header.digests.map((digest) => digest.iterations / pbkdf2RoundsPerSecond));
  return header.keyslots.reduce((sum, slot) => sum + estimateKdfSeconds(slot.kdf) + digestSeconds, 0);
}
