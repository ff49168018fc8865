import {closeSync, openSync, readSync, truncateSync, writeFileSync, writeSync} from 'node:fs';
import {join} from 'node:path';
import {expect} from 'chai';
import {currentHeader} from '../../src/luks/header.ts';
import {readHeaderCopies} from '../../src/luks/header-reader.ts';
import type {LuksHeader} from '../../src/luks/header.ts';
import {vetHeader} from '../../src/luks/vet.ts';
import type {Verdict} from '../../src/luks/vet.ts';
import {
  addKey,
  cheap,
  cryptsetup,
  dataOffsetBytes,
  formatImage,
  mustSucceed,
  removeFolders,
  temporaryFolder,
  withFile,
} from './images.ts';

describe('The header of an image that plain cryptsetup made', () => {
  after(removeFolders);

  const headerOf = (path: string): Promise<LuksHeader> => withFile(path, (fd) => currentHeader(readHeaderCopies(fd))!);

  const verdictOn = (path: string, memoryLimitKiB = 1024 * 1024): Promise<Verdict> =>
    withFile(path, (fd) => {
      const copies = readHeaderCopies(fd);
      return vetHeader(copies, {imageSizeBytes: copies.imageSizeBytes, memoryLimitKiB, imageName: 'vault.img'});
    });

  it('is read in full: identity, layout, key slots, digest', async () => {
    const path = formatImage('a', [
      '--pbkdf=argon2id',
      '--pbkdf-memory=32768',
      '--pbkdf-force-iterations=4',
      '--pbkdf-parallel=2',
      '--sector-size=4096',
      '--uuid=01234567-89ab-cdef-0123-456789abcdef',
      '--label=work',
      '--subsystem=tazpod',
    ]);
    addKey(path, 'a', 'b', [...cheap, '--hash=sha512', '--key-slot=5']);
    mustSucceed(cryptsetup(['config', '--key-slot=5', '--priority=prefer', path]));
    mustSucceed(cryptsetup(['token', 'add', '--key-description=x', path]));
    const header = await headerOf(path);
    expect(header).to.include({
      uuid: '01234567-89ab-cdef-0123-456789abcdef',
      label: 'work',
      subsystem: 'tazpod',
      headerSizeBytes: 16384,
      keyslotsSizeBytes: dataOffsetBytes - 2 * 16384,
    });
    expect(header.sequence > 3n).to.equal(true);
    const [first, fifth] = header.keyslots;
    expect(first).to.deep.include({
      id: 0,
      priority: 'normal',
      keySizeBytes: 64,
      af: {stripes: 4000, hash: 'sha256'},
      area: {offsetBytes: 32768, sizeBytes: 258048, encryption: 'aes-xts-plain64', keySizeBytes: 64},
    });
    expect(first!.kdf).to.include({type: 'argon2id', timeCost: 4, memoryKiB: 32768, cpus: 2});
    expect(fifth).to.include({id: 5, priority: 'prefer'});
    expect(fifth!.kdf).to.include({type: 'pbkdf2', hash: 'sha512', iterations: 1000});
    expect(header.segments).to.deep.equal([
      {
        id: 0,
        offsetBytes: dataOffsetBytes,
        sizeBytes: 'dynamic',
        ivTweak: 0n,
        encryption: 'aes-xts-plain64',
        sectorSizeBytes: 4096,
        integrity: false,
        flags: [],
      },
    ]);
    expect(header.digests).to.have.length(1);
    expect(header.digests[0]).to.deep.include({keyslots: [0, 5], segments: [0], hash: 'sha256'});
    expect(header.tokens.map(({type}) => type)).to.deep.equal(['luks2-keyring']);
    expect((await verdictOn(path)).verdict).to.equal('opens');
  });

  for (const size of ['16k', '32k', '64k', '128k', '256k', '512k', '1m', '2m', '4m']) {
    it(`opens with header copies of ${size}, and with either copy broken`, async () => {
      const path = formatImage('a', [...cheap, `--luks2-metadata-size=${size}`]);
      expect((await verdictOn(path)).verdict).to.equal('opens');
      const {headerSizeBytes} = await headerOf(path);
      for (const offset of [4100, headerSizeBytes + 4100]) {
        invertByte(path, offset);
        const verdict = await verdictOn(path);
        invertByte(path, offset);
        expect(verdict.verdict).to.equal('opens-with-warning');
        expect(verdict)
          .to.have.property('warnings')
          .that.match(/copy .* is damaged .*: cryptsetup repair vault\.img/);
      }
    });
  }

  for (const sectorSizeBytes of [512, 1024, 2048, 4096]) {
    it(`opens with sectors of ${sectorSizeBytes} bytes, and with keys of 256 bits`, async () => {
      const path = formatImage('a', [...cheap, `--sector-size=${sectorSizeBytes}`, '--key-size=256']);
      expect((await verdictOn(path)).verdict).to.equal('opens');
      const header = await headerOf(path);
      expect(header.segments[0]!.sectorSizeBytes).to.equal(sectorSizeBytes);
      expect(header.keyslots[0]!.keySizeBytes).to.equal(32);
    });
  }

  it('opens with the data at another offset, and with a small area of key slots', async () => {
    const path = formatImage('a', [...cheap, '--offset=16384', '--luks2-keyslots-size=512k']);
    const header = await headerOf(path);
    expect(header.segments[0]!.offsetBytes).to.equal(8 * 1024 * 1024);
    expect(header.keyslotsSizeBytes).to.equal(512 * 1024);
    expect((await verdictOn(path)).verdict).to.equal('opens');
  });

  it('is refused when it is LUKS1, with the command that converts it', async () => {
    const path = join(temporaryFolder(), 'luks1.img');
    writeFileSync(path, '');
    truncateSync(path, 4 * 1024 * 1024);
    mustSucceed(cryptsetup(['luksFormat', '--type=luks1', '--pbkdf-force-iterations=1000', '--key-file=-', path], 'a'));
    const verdict = await verdictOn(path);
    expect(verdict).to.include({verdict: 'refused', exitCode: 65});
    expect(verdict).to.have.property('next').that.includes('cryptsetup convert --type luks2 vault.img');
    mustSucceed(cryptsetup(['convert', '--type=luks2', path]));
    expect((await verdictOn(path)).verdict).to.equal('opens');
  });

  it('is refused when a reencryption has begun', async () => {
    const path = formatImage('a', cheap);
    mustSucceed(cryptsetup(['reencrypt', '--init-only', ...cheap, '--key-file=-', path], 'a'));
    const verdict = await verdictOn(path);
    expect(verdict).to.include({verdict: 'refused', exitCode: 65});
    expect(verdict).to.have.property('next').that.includes('cryptsetup reencrypt --resume-only vault.img');
  });

  it('opens with a key slot whose key is of something else, which is left aside', async () => {
    const path = formatImage('a', cheap);
    addKey(path, 'a', 'b', ['--unbound', '--key-size=128', '--key-slot=3', ...cheap]);
    const verdict = await verdictOn(path);
    expect(verdict.verdict).to.equal('opens');
    expect(verdict).to.have.nested.property('header.keyslots').with.length(1);
  });

  it('is refused when its last key slot has been removed', async () => {
    const path = formatImage('a', cheap);
    mustSucceed(cryptsetup(['luksErase', path]));
    expect(await verdictOn(path)).to.include({verdict: 'refused', exitCode: 65});
  });

  it('opens where there is memory for some of its key slots, and says which are left out', async () => {
    const path = formatImage('a', ['--pbkdf=argon2id', '--pbkdf-memory=65536', '--pbkdf-force-iterations=4']);
    addKey(path, 'a', 'b', cheap);
    const verdict = await verdictOn(path, 65535);
    expect(verdict).to.deep.include({
      verdict: 'opens-with-warning',
      warnings: ['Key slot 0 is skipped: it needs 64 MiB of memory, and 63 MiB are available.'],
    });
    expect(verdict).to.have.nested.property('header.keyslots[0].id', 1);
    expect((await verdictOn(path, 65536)).verdict).to.equal('opens');
  });

  it('is refused with 69 where there is memory for none of its key slots, and says how much is needed', async () => {
    const path = formatImage('a', ['--pbkdf=argon2id', '--pbkdf-memory=65536', '--pbkdf-force-iterations=4']);
    const verdict = await verdictOn(path, 32 * 1024);
    expect(verdict).to.include({verdict: 'refused', exitCode: 69});
    expect(verdict).to.have.property('what').that.includes('needs 64 MiB of memory, and 32 MiB are available');
  });

  it('is refused when the image is truncated, wherever', async () => {
    const path = formatImage('a', cheap);
    for (const size of [dataOffsetBytes + 4095, dataOffsetBytes, 300_000, 0x8000, 0x7fff, 0x4000, 4096, 100, 7]) {
      truncateSync(path, size);
      expect(await verdictOn(path), String(size)).to.include({verdict: 'refused', exitCode: 65});
    }
  });

  it('is not found in what is no LUKS image', async () => {
    const path = join(temporaryFolder(), 'none.img');
    for (const content of ['', 'LUKS', 'LUKS\xba\xbe', Buffer.alloc(65536), Buffer.alloc(8 * 1024 * 1024, 0x55)]) {
      writeFileSync(path, content, 'latin1');
      expect(await verdictOn(path)).to.include({verdict: 'refused', exitCode: 65});
    }
  });
});

/** Inverts one byte of a file. */
function invertByte(path: string, offset: number): void {
  const fd = openSync(path, 'r+');
  const byte = Buffer.alloc(1);
  readSync(fd, byte, 0, 1, offset);
  writeSync(fd, Buffer.of(byte[0]! ^ 0xff), 0, 1, offset);
  closeSync(fd);
}
