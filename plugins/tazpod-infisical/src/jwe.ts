import {createDecipheriv, pbkdf2} from 'node:crypto';
import {promisify} from 'node:util';

const derive = promisify(pbkdf2);

/** The Infisical CLI takes 8192 rounds; a file that wants very many only means to keep us busy. */
const maximumRounds = 10_000_000;

/**
 * Opens a JSON Web Encryption in compact form (RFC 7516) whose key comes from a passphrase: PBES2-HS256+A128KW
 * (RFC 7518, 4.8) with A256GCM. Returns undefined for other bytes and for a wrong passphrase.
 */
export async function openJwe(text: string, passphrase: Buffer): Promise<Buffer | undefined> {
  const parts = text.trim().split('.');
  if (parts.length !== 5) return undefined;
  const [header, wrappedKey, iv, sealed, tag] = parts.map((part) => Buffer.from(part, 'base64url'));
  try {
    const {alg, enc, zip, p2c, p2s} = JSON.parse(header!.toString('utf8')) as Record<string, unknown>;
    if (alg !== 'PBES2-HS256+A128KW' || enc !== 'A256GCM' || zip !== undefined) return undefined;
    if (typeof p2s !== 'string' || typeof p2c !== 'number' || !(p2c > 0 && p2c <= maximumRounds)) return undefined;
    const salt = Buffer.concat([Buffer.from(`${alg}\0`), Buffer.from(p2s, 'base64url')]);
    const wrapping = await derive(passphrase, salt, p2c, 16, 'sha256');
    const unwrap = createDecipheriv('id-aes128-wrap', wrapping, Buffer.alloc(8, 0xa6));
    const key = Buffer.concat([unwrap.update(wrappedKey!), unwrap.final()]);
    const decipher = createDecipheriv('aes-256-gcm', key, iv!, {authTagLength: 16});
    decipher.setAAD(Buffer.from(parts[0]!, 'ascii')).setAuthTag(tag!);
    const opened = Buffer.concat([decipher.update(sealed!), decipher.final()]);
    for (const secret of [wrapping, key]) secret.fill(0);
    return opened;
  } catch {
    return undefined;
  }
}
