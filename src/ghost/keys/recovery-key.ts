import {randomFillSync} from 'node:crypto';
import {allocateSecret} from '../../luks/secret-buffer.ts';
import type {KdfOptions} from '../../luks/cryptsetup.ts';
import type {CliChannel} from '../cli-channel.ts';
import {askOnce} from '../key-source.ts';

/** 256 bits: nobody guesses them, so the key derivation needs neither time nor memory, and works on any machine. */
const randomBytes = 32;
export const recoveryKdf: KdfOptions = {pbkdf: 'pbkdf2', pbkdfForceIterations: 1000};

/**
 * Digits of four bits that lie on the same keys on the keyboards of most countries: those of systemd's recovery keys and
 * of YubiKeys. Words would depend on a list, and on its language.
 */
const modhex = Buffer.from('cbdefghijklnrtuv');
const groupBytes = 4;

/**
 * Makes a recovery key, a passphrase of eight groups of eight letters with hyphens between them, as systemd-cryptenroll
 * does. It is typed as it stands, here and at any prompt of cryptsetup. The caller wipes it.
 */
export function makeRecoveryKey(): Buffer {
  const random = allocateSecret(randomBytes);
  randomFillSync(random);
  const key = allocateSecret(2 * randomBytes + randomBytes / groupBytes - 1);
  let length = 0;
  for (const [index, byte] of random.entries()) {
    if (index > 0 && index % groupBytes === 0) key[length++] = 0x2d;
    key[length++] = modhex[byte >> 4]!;
    key[length++] = modhex[byte & 15]!;
  }
  random.fill(0);
  return key;
}

/**
 * Shows a recovery key on the terminal, and waits until the user says that it is kept. It goes straight to the terminal,
 * as a passphrase comes straight from there.
 */
export async function showRecoveryKey(channel: CliChannel, key: Buffer): Promise<void> {
  const before = Buffer.from('Recovery key:\n\n    ');
  const after = Buffer.from(
    '\n\nTazPod shows it once. Write it down and keep it apart from this machine.\nPress Enter: ',
  );
  const text = allocateSecret(before.length + key.length + after.length);
  [before, key, after].reduce((offset, part) => offset + part.copy(text, offset), 0);
  try {
    (await askOnce(channel, text)).fill(0);
  } finally {
    text.fill(0);
  }
}
