import {closeSync, fstatSync, openSync, readFileSync, readSync, statSync, writeSync} from 'node:fs';
import {expect} from 'chai';
import {Failure} from '../../src/foundation/failure.ts';
import {testPassphrase, unlockVolumeKey} from '../../src/luks/cryptsetup.ts';
import {discardVettedHeader, openNamelessFile, readVettedHeader} from '../../src/luks/private-copy.ts';
import type {VettedHeader} from '../../src/luks/private-copy.ts';
import {flipByte, forge, metadataOf, setPlace} from './forge.ts';
import {
  addKey,
  cheap,
  cryptsetup,
  formatImage,
  mustSucceed,
  removeFolders,
  temporaryFolder,
  volumeKeyOf,
  withFile,
} from './images.ts';

const key = Buffer.from('correct horse');
const limits = {memoryLimitKiB: 1024 * 1024};

describe('The private copy of a header', () => {
  let path: string;
  let volumeKey: Buffer;
  const copies: VettedHeader[] = [];

  beforeEach(() => {
    path = formatImage(key, [...cheap, '--sector-size=4096']);
    addKey(path, key.toString(), 'another', [...cheap, '--key-slot=7']);
    mustSucceed(cryptsetup(['token', 'add', '--key-description=tazpod-test', path]));
    volumeKey = volumeKeyOf(path, key);
  });

  afterEach(() => {
    for (const copy of copies.splice(0)) discardVettedHeader(copy);
    removeFolders();
  });

  async function vetted(): Promise<VettedHeader> {
    const copy = await withFile(path, (fd) => readVettedHeader(fd, openNamelessFile('/dev/shm'), limits));
    copies.push(copy);
    return copy;
  }

  async function unlocked(copy: VettedHeader, tried = key): Promise<Buffer | undefined> {
    const result = await unlockVolumeKey(copy, tried, temporaryFolder());
    return result.outcome === 'unlocked' ? result.volumeKey : undefined;
  }

  function damage(change: (image: Buffer) => Buffer): void {
    const fd = openSync(path, 'r+');
    const head = Buffer.alloc(1024 * 1024);
    readSync(fd, head, 0, head.length, 0);
    writeSync(fd, change(head), 0, head.length, 0);
    closeSync(fd);
  }

  it('unlocks as the image does, with each of its keys', async () => {
    const copy = await vetted();
    expect(copy.warnings).to.deep.equal([]);
    expect((await unlocked(copy))?.equals(volumeKey)).to.equal(true);
    expect((await unlocked(copy, Buffer.from('another')))?.equals(volumeKey)).to.equal(true);
    expect(await unlocked(copy, Buffer.from('wrong'))).to.equal(undefined);
  });

  it('has no name, and is open to nobody else', async () => {
    const {copyFd} = await vetted();
    const status = fstatSync(copyFd);
    expect(status.nlink).to.equal(0);
    expect(status.mode & 0o777).to.equal(0o600);
  });

  it('holds header and key slots and no more: no token, no label, no data', async () => {
    const {copyFd, header} = await vetted();
    const status = fstatSync(copyFd);
    expect(status.size).to.equal(16 * 1024 * 1024);
    expect(status.blocks * 512).to.be.below(1024 * 1024);
    expect(header.keyslots.map(({id}) => id)).to.deep.equal([0, 7]);
    const bytes = Buffer.alloc(0x8000);
    readSync(copyFd, bytes, 0, bytes.length, 0);
    expect(metadataOf(bytes)).to.have.property('tokens').that.deep.equals({});
    expect(cryptsetup(['luksDump', '--disable-locks', `/proc/${process.pid}/fd/${copyFd}`]).code).to.equal(0);
  });

  it('is what cryptsetup reads, and the image has no say from then on', async () => {
    const copy = await vetted();
    damage((image) => image.fill(0xaa));
    expect(await testPassphrase(copy, key)).to.equal(true);
    expect((await unlocked(copy))?.equals(volumeKey)).to.equal(true);
  });

  it('is what cryptsetup reads also when the image comes along as data device', async () => {
    const copy = await vetted();
    damage((image) =>
      forge(image, 'both copies', setPlace('segments.0.encryption', 'cipher_null-ecb'), {reseal: true}),
    );
    const open = ['open', '--test-passphrase', '--disable-locks', '--disable-external-tokens', '--key-file=-'];
    const header = `--header=/proc/${process.pid}/fd/${copy.copyFd}`;
    expect(cryptsetup([...open, header, path], key).code).to.equal(0);
    damage((image) => image.fill(0, 0, 0x8000 + 258048));
    expect(cryptsetup([...open, header, path], key).code).to.equal(0);
  });

  it('leaves the image as it is, also where cryptsetup would fix it', async () => {
    for (const where of ['the first copy', 'the second copy'] as const) {
      damage((image) => forge(image, where, flipByte(4200), {reseal: false}));
      const before = [readFileSync(path), statSync(path, {bigint: true}).mtimeNs] as const;
      const copy = await vetted();
      expect(copy.warnings).to.have.length(1);
      expect((await unlocked(copy))?.equals(volumeKey)).to.equal(true);
      expect(readFileSync(path).equals(before[0])).to.equal(true);
      expect(statSync(path, {bigint: true}).mtimeNs).to.equal(before[1]);
      mustSucceed(cryptsetup(['repair', path]));
    }
  });

  it('is not changed by cryptsetup', async () => {
    const {copyFd, ...copy} = await vetted();
    const before = Buffer.alloc(0x8000);
    readSync(copyFd, before, 0, before.length, 0);
    await unlocked({copyFd, ...copy});
    await testPassphrase({copyFd, ...copy}, Buffer.from('wrong'));
    const after = Buffer.alloc(0x8000);
    readSync(copyFd, after, 0, after.length, 0);
    expect(after.equals(before)).to.equal(true);
  });

  it('is not made of an image that is refused', async () => {
    damage((image) =>
      forge(image, 'both copies', setPlace('segments.0.encryption', 'cipher_null-ecb'), {reseal: true}),
    );
    const fd = openNamelessFile('/dev/shm');
    try {
      await withFile(path, (imageFd) => {
        expect(() => readVettedHeader(imageFd, fd, limits))
          .to.throw(Failure, 'requests no encryption')
          .that.has.property('code', 65);
      });
      expect(fstatSync(fd).size).to.equal(0);
    } finally {
      closeSync(fd);
    }
  });

  it('does not lead a key to a token of the image, however it is forged', async () => {
    const token = {type: 'luks2-keyring', keyslots: ['0', '7'], key_description: 'tazpod-test'};
    damage((image) => forge(image, 'both copies', setPlace('tokens.1', token), {reseal: true}));
    const copy = await vetted();
    expect(copy.header.tokens).to.deep.equal([]);
    expect(await testPassphrase(copy, key)).to.equal(true);
  });

  it('reads key slots where the vetted header says, not beyond the end of the image', async () => {
    damage((image) => {
      const offset = String(16 * 1024 * 1024 - 258048);
      return forge(image, 'both copies', setPlace('keyslots.7.area.offset', offset), {reseal: true});
    });
    const copy = await vetted();
    expect((await unlocked(copy))?.equals(volumeKey)).to.equal(true);
    expect(await unlocked(copy, Buffer.from('another'))).to.equal(undefined);
    expect(metadataOf(readFileSync(path))).to.have.nested.property('keyslots.7');
  });
});
