import {spawnSync} from 'node:child_process';
import {randomBytes, randomUUID} from 'node:crypto';
import {closeSync, copyFileSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import type {AttachRequest, CryptSegment} from '../../../src/engines/engine.ts';

export const mebibyte = 1024 * 1024;
export const passphrase = 'a passphrase of a test';

/** What is the same for all images that are made in one way, and takes time to find out. */
type Template = {readonly path: string; readonly luksUuid: string; readonly volumeKey: Buffer};
const templates = new Map<string, Template>();

/** A LUKS2 image that plain cryptsetup made, opened, with its key at hand. Those made in one way have one UUID. */
export class LuksImage {
  readonly folder = mkdtempSync(join(tmpdir(), 'tazpod-image-'));
  readonly path = join(this.folder, 'vault.img');
  readonly luksUuid: string;
  readonly volumeKey: Buffer;
  readonly segment: CryptSegment;
  readonly fd: number;

  /** @param options more words for `cryptsetup luksFormat`, and the segment that they make */
  constructor(options: readonly string[] = [], segment: Partial<CryptSegment> = {}, dataBytes = 8 * mebibyte) {
    this.segment = {
      encryption: 'aes-xts-plain64',
      ivTweak: 0n,
      offsetBytes: mebibyte,
      sectorSizeBytes: 4096,
      sizeBytes: 'dynamic',
      ...segment,
    };
    const words = [
      ...['--offset', String(this.segment.offsetBytes / 512), '--cipher', this.segment.encryption],
      ...['--sector-size', String(this.segment.sectorSizeBytes), ...options],
    ];
    const key = `${words.join(' ')} ${dataBytes}`;
    const template = templates.get(key) ?? makeTemplate(words, this.segment.offsetBytes + dataBytes);
    templates.set(key, template);
    copyFileSync(template.path, this.path);
    this.luksUuid = template.luksUuid;
    this.volumeKey = Buffer.from(template.volumeKey);
    this.fd = openSync(this.path, 'r+');
  }

  /** What an engine is asked for. The key is a copy. */
  get request(): AttachRequest {
    const {fd, segment, luksUuid, folder} = this;
    const volumeKey = Buffer.from(this.volumeKey);
    return {imageFd: fd, readOnly: false, segment, luksUuid, volumeKey, folder};
  }

  /** The plaintext, read by plain cryptsetup through a mapping of its own. */
  readByHand(): Buffer {
    const name = this.openByHand();
    const plaintext = readFileSync(`/dev/mapper/${name}`);
    this.closeByHand(name);
    return plaintext;
  }

  /** Opens it by plain cryptsetup. Returns the name of the mapping. */
  openByHand(name = `by-hand-${randomBytes(4).toString('hex')}`, options: readonly string[] = []): string {
    cryptsetup(['open', ...options, this.path, name]);
    return name;
  }

  closeByHand(name: string): void {
    cryptsetup(['close', name]);
  }

  remove(): void {
    closeSync(this.fd);
    rmSync(this.folder, {recursive: true});
  }
}

function makeTemplate(words: readonly string[], sizeBytes: number): Template {
  const path = join(mkdtempSync(join(tmpdir(), 'tazpod-template-')), 'vault.img');
  const luksUuid = randomUUID();
  writeFileSync(path, Buffer.alloc(sizeBytes));
  const quick = ['--pbkdf', 'pbkdf2', '--pbkdf-force-iterations', '1000'];
  cryptsetup(['luksFormat', '--type', 'luks2', '--uuid', luksUuid, ...quick, ...words, path]);
  const dump = cryptsetup(['luksDump', '--dump-volume-key', path]).replaceAll(/\s/g, '');
  return {path, luksUuid, volumeKey: Buffer.from(/MKdump:([0-9a-f]+)/i.exec(dump)![1]!, 'hex')};
}

function cryptsetup(args: readonly string[]): string {
  const {status, stdout, stderr} = spawnSync('cryptsetup', ['--batch-mode', '--key-file', '-', ...args], {
    encoding: 'utf8',
    env: {...process.env, DM_DISABLE_UDEV: '1'},
    input: passphrase,
  });
  if (status !== 0) throw new Error(`cryptsetup ${args.join(' ')}: ${stderr}`);
  return stdout;
}
