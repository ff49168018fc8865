import {spawnSync} from 'node:child_process';
import {createDecipheriv} from 'node:crypto';
import {closeSync, mkdtempSync, openSync, readSync, rmSync, statSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import type {TestVault} from '../bed/vault.ts';

/** What cryptsetup says of an image, by its LUKS UUID: no case changes it. */
type Segment = {readonly key: Buffer; readonly offsetBytes: number; readonly sectorBytes: number};
const segments = new Map<string, Segment>();

/**
 * Says what e2fsck finds in a closed vault, undefined when it finds nothing. The image is only read, and nothing of
 * the product deciphers it.
 *
 * A journal that was not replayed is replayed first, as the next mount would do. fuse2fs keeps none: after it was
 * killed, what `e2fsck -p` fixes without asking counts as whole (`mend`).
 */
export function findDamage(vault: TestVault, {mend}: {readonly mend: boolean}): string | undefined {
  const folder = mkdtempSync(join(tmpdir(), 'tazpod-crash-'));
  try {
    const path = join(folder, 'plaintext');
    writeFileSync(path, decipher(vault.image, segmentOf(vault)));
    const first = e2fsck(mend ? ['-p'] : ['-p', '-E', 'journal_only'], path);
    if ((first.code & ~1) !== 0) return `e2fsck ${mend ? '-p' : '-E journal_only'}: ${first.said}`;
    const second = e2fsck(['-f', '-n'], path);
    return second.code === 0 ? undefined : `e2fsck -f -n: ${second.said}`;
  } finally {
    rmSync(folder, {recursive: true});
  }
}

function e2fsck(options: readonly string[], path: string): {code: number; said: string} {
  const {status, stdout, stderr} = spawnSync('e2fsck', [...options, path], {encoding: 'utf8'});
  return {code: status ?? 8, said: `${stdout}${stderr}`};
}

function segmentOf({image, passphraseFile, passphrase}: TestVault): Segment {
  const uuid = spawnSync('cryptsetup', ['luksUUID', image], {encoding: 'utf8'}).stdout;
  const known = segments.get(uuid);
  if (known !== undefined) return known;
  const dump = (...args: readonly string[]): string => {
    const {status, stdout, stderr} = spawnSync('cryptsetup', ['luksDump', ...args, image], {
      encoding: 'utf8',
      input: passphrase,
    });
    if (status !== 0) throw new Error(`cryptsetup luksDump of ${passphraseFile}: ${stderr}`);
    return stdout;
  };
  const metadata = JSON.parse(dump('--dump-json-metadata')) as {
    segments: Record<string, {offset: string; sector_size: number; encryption: string}>;
  };
  const segment = metadata.segments['0']!;
  if (segment.encryption !== 'aes-xts-plain64') throw new Error(`${image} is enciphered with ${segment.encryption}`);
  const [, hex = ''] =
    /MK dump:\s*([0-9a-f\s]+)/.exec(dump('--dump-volume-key', '--batch-mode', '--key-file', '-')) ?? [];
  const found = {
    key: Buffer.from(hex.replaceAll(/\s/g, ''), 'hex'),
    offsetBytes: Number(segment.offset),
    sectorBytes: segment.sector_size,
  };
  segments.set(uuid, found);
  return found;
}

/** The tweak of plain64 is the number of the 512-byte unit that a sector starts with (dm-crypt, Linux). */
function decipher(image: string, {key, offsetBytes, sectorBytes}: Segment): Buffer {
  const plaintext = Buffer.alloc(statSync(image).size - offsetBytes);
  const fd = openSync(image, 'r');
  readSync(fd, plaintext, 0, plaintext.length, offsetBytes);
  closeSync(fd);
  const tweak = Buffer.alloc(16);
  for (let at = 0; at + sectorBytes <= plaintext.length; at += sectorBytes) {
    tweak.writeBigUInt64LE(BigInt(at / 512));
    const sector = plaintext.subarray(at, at + sectorBytes);
    createDecipheriv('aes-256-xts', key, tweak).update(sector).copy(sector);
  }
  return plaintext;
}
