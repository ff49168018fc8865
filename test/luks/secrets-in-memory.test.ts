import {randomFillSync, randomInt} from 'node:crypto';
import {closeSync, openSync, readFileSync, readSync} from 'node:fs';
import {setFlagsFromString} from 'node:v8';
import {runInNewContext} from 'node:vm';
import {expect} from 'chai';
import {unlockVolumeKey} from '../../src/luks/cryptsetup.ts';
import {discardVettedHeader, openNamelessFile, readVettedHeader} from '../../src/luks/private-copy.ts';
import {allocateSecret} from '../../src/luks/secret-buffer.ts';
import {cheap, formatImage, removeFolders, temporaryFolder, withFile} from './images.ts';

/** Secrets are looked for, and kept meanwhile, with all their bits inverted: the search must not find itself. */
function inverted(bytes: Buffer): Buffer {
  return Buffer.from(bytes.map((byte) => byte ^ 0xff));
}

/** How often the bytes whose inversion is given are in the memory of this process. */
function occurrences(ofInverted: Buffer): number {
  const chunk = Buffer.alloc(1024 * 1024 + ofInverted.length);
  const memory = openSync('/proc/self/mem', 'r');
  let found = 0;
  for (const line of readFileSync('/proc/self/maps', 'latin1').split('\n')) {
    const match = /^([0-9a-f]+)-([0-9a-f]+) r.*?(\[v.*\])?$/.exec(line);
    if (match === null || match[3] !== undefined) continue;
    for (let at = parseInt(match[1]!, 16), end = parseInt(match[2]!, 16); at < end; at += 1024 * 1024) {
      found += occurrencesAt(memory, at, end, chunk, ofInverted);
    }
  }
  closeSync(memory);
  return found;
}

function occurrencesAt(memory: number, start: number, end: number, chunk: Buffer, ofInverted: Buffer): number {
  let length: number;
  try {
    length = readSync(memory, chunk, 0, Math.min(chunk.length, end - start), start);
  } catch {
    // Reserved address space, of which nothing can be read.
    return 0;
  }
  for (let index = 0; index < length; index += 1) chunk[index]! ^= 0xff;
  let found = 0;
  const read = chunk.subarray(0, length);
  for (let at = read.indexOf(ofInverted); at !== -1; at = read.indexOf(ofInverted, at + 1)) found += 1;
  // What stood next to the inverted secret would now be the secret.
  chunk.fill(0);
  return found;
}

/** Lets V8 move what is on its heap. */
function collectGarbage(): void {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  collect();
  collect();
}

describe('What is secret', () => {
  after(removeFolders);

  it('is not moved about, and so is gone when its Buffer is zeroed', () => {
    const start = Array.from({length: 16}, () => randomInt(256));
    const secrets = Array.from({length: 200}, () => allocateSecret(64));
    // Byte by byte: a call into Node would take the bytes off V8's heap, if they were there.
    for (const secret of secrets) start.forEach((byte, index) => (secret[index] = byte));
    const wanted = Buffer.from(start.splice(0).map((byte) => byte ^ 0xff));
    collectGarbage();
    expect(occurrences(wanted), 'the secrets, while they are in use').to.be.at.least(secrets.length);
    for (const secret of secrets) secret.fill(0);
    expect(occurrences(wanted), 'the secrets').to.equal(0);
  });

  it('is no longer in the memory of the process after its Buffers have been zeroed', async () => {
    const key = randomFillSync(allocateSecret(24));
    const path = formatImage(key, cheap);
    const vetted = await withFile(path, (fd) =>
      readVettedHeader(fd, openNamelessFile('/dev/shm'), {memoryLimitKiB: 65536}),
    );
    const passphrase = inverted(key);
    const result = await unlockVolumeKey(vetted, key, temporaryFolder());
    discardVettedHeader(vetted);
    if (result.outcome !== 'unlocked') throw new Error('the sample does not open');
    const raw = inverted(result.volumeKey);
    // The first line of the dump, as text; made without the text being anywhere.
    const text = Buffer.alloc(15 * 3 + 2);
    for (let index = 0; index < 16; index += 1) {
      const byte = result.volumeKey[index]!;
      text[3 * index] = '0123456789abcdef'.charCodeAt(byte >> 4) ^ 0xff;
      text[3 * index + 1] = '0123456789abcdef'.charCodeAt(byte & 15) ^ 0xff;
      if (index < 15) text[3 * index + 2] = 0x20 ^ 0xff;
    }
    expect(occurrences(raw), 'the volume key, while it is in use').to.be.at.least(1);
    expect(occurrences(text), 'the volume key as text').to.equal(0);
    result.volumeKey.fill(0);
    expect(occurrences(raw), 'the volume key').to.equal(0);
    key.fill(0);
    expect(occurrences(passphrase), 'the passphrase').to.equal(0);
  });
});
