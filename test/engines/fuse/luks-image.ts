import {spawnSync} from 'node:child_process';
import {readFileSync, writeFileSync} from 'node:fs';

const passphrase = 'a passphrase of a test';

/** What a LUKS2 image is made with. */
export type LuksFormat = {readonly sectorSizeBytes: 512 | 1024 | 2048 | 4096; readonly keySizeBits: 256 | 512};

/** Makes a LUKS2 image with plain cryptsetup. Returns its volume key. */
export function luksFormat(path: string, sizeBytes: number, format: LuksFormat): Buffer {
  writeFileSync(path, Buffer.alloc(sizeBytes));
  cryptsetup([
    ...['luksFormat', '--type', 'luks2', '--pbkdf', 'pbkdf2', '--pbkdf-force-iterations', '1000', '--offset', '2048'],
    ...['--sector-size', String(format.sectorSizeBytes), '--key-size', String(format.keySizeBits), path],
  ]);
  return volumeKeyOf(path);
}

/** Where the data of an image made by `luksFormat` starts. */
export const dataOffsetBytes = 2048 * 512;

/** Enciphers a plain file in place with plain cryptsetup, its header in another file. Returns the volume key. */
export function luksEncipher(path: string, headerPath: string, format: LuksFormat): Buffer {
  cryptsetup([
    ...['reencrypt', '--encrypt', '--type', 'luks2', '--force-offline-reencrypt', '--header', headerPath],
    ...['--pbkdf', 'pbkdf2', '--pbkdf-force-iterations', '1000'],
    ...['--sector-size', String(format.sectorSizeBytes), '--key-size', String(format.keySizeBits), path],
  ]);
  return volumeKeyOf(headerPath);
}

/**
 * Deciphers an image with plain cryptsetup, which needs no device-mapper for that, and returns its plaintext. The image
 * is no LUKS image afterwards. `headerPath` holds its header, or is where the header in the image is put.
 */
export function luksDecipher(path: string, headerPath: string, sizeBytes: number): Buffer {
  cryptsetup(['reencrypt', '--decrypt', '--force-offline-reencrypt', '--header', headerPath, path]);
  return readFileSync(path).subarray(0, sizeBytes);
}

function volumeKeyOf(path: string): Buffer {
  const dump = cryptsetup(['luksDump', '--dump-volume-key', path]).replaceAll(/\s/g, '');
  return Buffer.from(/MKdump:([0-9a-f]+)/i.exec(dump)![1]!, 'hex');
}

function cryptsetup(args: readonly string[]): string {
  const {status, stdout, stderr} = spawnSync('cryptsetup', ['--batch-mode', '--key-file', '-', ...args], {
    input: passphrase,
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(`cryptsetup ${args.join(' ')}: ${stderr}`);
  return stdout;
}
