/** The Infisical CLI takes 8192 rounds; a file that wants very many only means to keep us busy. */
const maximumRounds = 10_000_000;

/**
 * Opens a JSON Web Encryption in compact form (RFC 7516) whose key comes from a passphrase. Returns undefined for other
 * bytes, for a wrong passphrase, and for what is not sealed in the way of the Infisical CLI.
 */
export async function openJwe(text: string, passphrase: Uint8Array): Promise<Uint8Array | undefined> {
  const {compactDecrypt} = await import('jose/jwe/compact/decrypt');
  try {
    const {plaintext} = await compactDecrypt(text.trim(), passphrase, {
      keyManagementAlgorithms: ['PBES2-HS256+A128KW'],
      contentEncryptionAlgorithms: ['A256GCM'],
      maxPBES2Count: maximumRounds,
      // Compressed ones are refused.
      maxDecompressedLength: 0,
    });
    return plaintext;
  } catch {
    return undefined;
  }
}
