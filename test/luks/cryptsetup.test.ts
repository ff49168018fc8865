import {spawn} from 'node:child_process';
import {randomBytes} from 'node:crypto';
import {once} from 'node:events';
import {closeSync, existsSync, openSync, readFileSync, readdirSync, truncateSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {expect} from 'chai';
import {Failure} from '../../src/foundation/failure.ts';
import {format, keySizeLimitBytes, testPassphrase, unlockVolumeKey} from '../../src/luks/cryptsetup.ts';
import type {FormatOptions, UnlockResult} from '../../src/luks/cryptsetup.ts';
import {discardVettedHeader, openNamelessFile, readVettedHeader} from '../../src/luks/private-copy.ts';
import type {VettedHeader} from '../../src/luks/private-copy.ts';
import {metadataOf} from './forge.ts';
import {
  addKey,
  cheap,
  cryptsetup,
  formatImage,
  removeFolders,
  temporaryFolder,
  volumeKeyOf,
  withFile,
} from './images.ts';

const quick: FormatOptions = {pbkdf: 'pbkdf2', pbkdfForceIterations: 1000};
const key = Buffer.from('correct horse battery staple');

function emptyImage(): string {
  const path = join(temporaryFolder(), 'vault.img');
  writeFileSync(path, '');
  truncateSync(path, 17 * 1024 * 1024);
  return path;
}

async function formatted(options: FormatOptions, by = key): Promise<string> {
  const path = emptyImage();
  const fd = openSync(path, 'r+');
  try {
    await format(fd, by, options);
  } finally {
    closeSync(fd);
  }
  return path;
}

/** Vets an image, and gives what is done with the private copy. */
async function withVetted<T>(path: string, use: (vetted: VettedHeader) => Promise<T>): Promise<T> {
  const vetted = await withFile(path, (fd) =>
    readVettedHeader(fd, openNamelessFile('/dev/shm'), {memoryLimitKiB: 8 * 1024 * 1024}),
  );
  try {
    return await use(vetted);
  } finally {
    discardVettedHeader(vetted);
  }
}

const unlock = (path: string, tried: Buffer): Promise<UnlockResult> =>
  withVetted(path, (vetted) => unlockVolumeKey(vetted, tried, temporaryFolder()));

describe('A new image', () => {
  afterEach(removeFolders);

  it('is one that plain cryptsetup opens', async () => {
    const path = await formatted(quick);
    expect(cryptsetup(['isLuks', '--type=luks2', path]).code).to.equal(0);
    expect(cryptsetup(['open', '--test-passphrase', '--key-file=-', path], key).code).to.equal(0);
    expect(cryptsetup(['open', '--test-passphrase', path], Buffer.concat([key, Buffer.from('\n')])).code).to.equal(0);
    expect(cryptsetup(['open', '--test-passphrase', '--key-file=-', path], 'wrong').code).to.equal(2);
  });

  it('is encrypted by AES-256 in XTS mode with sectors of 4096 bytes and argon2id, unless asked otherwise', async () => {
    const path = await formatted({pbkdfMemoryKiB: 32768, pbkdfForceIterations: 4});
    const metadata = metadataOf(readFileSync(path));
    expect(metadata).to.have.nested.property('keyslots.0.key_size', 64);
    expect(metadata).to.have.nested.property('keyslots.0.kdf.type', 'argon2id');
    expect(metadata).to.have.nested.property('keyslots.0.kdf.memory', 32768);
    expect(metadata).to.have.nested.property('segments.0.encryption', 'aes-xts-plain64');
    expect(metadata).to.have.nested.property('segments.0.sector_size', 4096);
    expect(metadata).to.have.nested.property('segments.0.offset', '16777216');
  });

  it('takes each option', async () => {
    const uuid = '01234567-89ab-cdef-0123-456789abcdef';
    const path = await formatted({...quick, sectorSizeBytes: 512, keySizeBits: 256, uuid, label: 'my work'});
    const dump = cryptsetup(['luksDump', path]).stdout;
    expect(dump).to.match(/^UUID:\s+01234567-89ab-cdef-0123-456789abcdef$/m);
    expect(dump).to.match(/^Label:\s+my work$/m);
    const metadata = metadataOf(readFileSync(path));
    expect(metadata).to.have.nested.property('keyslots.0.key_size', 32);
    expect(metadata).to.have.nested.property('keyslots.0.kdf.iterations', 1000);
    expect(metadata).to.have.nested.property('segments.0.sector_size', 512);
  });

  it('takes any bytes for a key, and not one more or less', async () => {
    const keys = [Buffer.from('a'), Buffer.from('line\n'), randomBytes(4096), Buffer.from('\0\n\xff', 'latin1')];
    for (const bytes of keys) {
      const path = await formatted(quick, bytes);
      expect((await unlock(path, bytes)).outcome).to.equal('unlocked');
      expect((await unlock(path, Buffer.concat([bytes, Buffer.from('\n')]))).outcome).to.equal('wrong-passphrase');
      expect((await unlock(path, bytes.subarray(0, -1))).outcome).to.equal('wrong-passphrase');
    }
  });

  it('is not made with an empty key, nor with one that cryptsetup would not read', async () => {
    for (const bytes of [Buffer.alloc(0), Buffer.alloc(keySizeLimitBytes + 1)]) {
      const failure = await rejection(formatted(quick, bytes));
      expect(failure).to.be.instanceOf(Failure).with.property('code', 64);
    }
  });

  it('is not made where there is no room, nor of an unknown cipher', async () => {
    const readOnly = openSync('/dev/null', 'r');
    try {
      expect(await rejection(format(readOnly, key, quick)))
        .to.be.instanceOf(Failure)
        .with.property('code', 73);
    } finally {
      closeSync(readOnly);
    }
    expect(await rejection(formatted({...quick, cipher: 'rot13-xts-plain64'}))).to.have.property('code', 73);
  });

  it('can be made while another process holds a lock on the file, and leaves no lock directory', async () => {
    const before = lockDirectory();
    const path = emptyImage();
    const holder = spawn('flock', ['--exclusive', path, 'sh', '-c', 'echo held; cat'], {
      stdio: ['pipe', 'pipe', 'ignore'],
    });
    await once(holder.stdout, 'data');
    const fd = openSync(path, 'r+');
    try {
      await format(fd, key, quick);
      expect((await unlock(path, key)).outcome).to.equal('unlocked');
    } finally {
      closeSync(fd);
      holder.stdin.end();
    }
    await once(holder, 'close');
    expect(lockDirectory()).to.deep.equal(before);
  });
});

describe('The volume key', () => {
  afterEach(removeFolders);

  for (const [name, options] of [
    ['PBKDF2', cheap],
    ['argon2id', ['--pbkdf=argon2id', '--pbkdf-memory=32768', '--pbkdf-force-iterations=4']],
    ['argon2i', ['--pbkdf=argon2i', '--pbkdf-memory=32768', '--pbkdf-force-iterations=4']],
    ['sectors of 512 bytes', [...cheap, '--sector-size=512']],
    ['a key of 256 bits', [...cheap, '--key-size=256']],
    ['header copies of 4 MiB', [...cheap, '--luks2-metadata-size=4m']],
    ['the passphrase in key slot 5 alone', [...cheap, '--key-slot=5']],
  ] as const) {
    it(`is that of plain cryptsetup, with ${name}`, async () => {
      const path = formatImage(key, options);
      const result = await unlock(path, key);
      expect(result.outcome === 'unlocked' && result.volumeKey.equals(volumeKeyOf(path, key))).to.equal(true);
      expect(await unlock(path, Buffer.from('wrong'))).to.deep.equal({outcome: 'wrong-passphrase'});
    });
  }

  it('is found where the data begins far behind the end of the private copy', async () => {
    const path = formatImage(key, [...cheap, '--offset=131072', '--luks2-keyslots-size=4m'], 64 * 1024 * 1024);
    const result = await unlock(path, key);
    expect(result.outcome === 'unlocked' && result.volumeKey.equals(volumeKeyOf(path, key))).to.equal(true);
  });

  it('is behind the passphrase of each key slot', async () => {
    const path = formatImage(key, cheap);
    const wanted = volumeKeyOf(path, key);
    const others = ['second', 'third', 'thirty-first'];
    others.forEach((other, index) =>
      addKey(path, key.toString(), other, [...cheap, `--key-slot=${[1, 2, 31][index]!}`]),
    );
    for (const other of others) {
      const result = await unlock(path, Buffer.from(other));
      expect(result.outcome === 'unlocked' && result.volumeKey.equals(wanted), other).to.equal(true);
    }
  });

  it('is behind a cheap key slot also where another wants more memory than there is', async () => {
    const path = formatImage(key, ['--pbkdf=argon2id', '--pbkdf-memory=262144', '--pbkdf-force-iterations=4']);
    addKey(path, key.toString(), 'cheap', cheap);
    const vetted = await withFile(path, (fd) =>
      readVettedHeader(fd, openNamelessFile('/dev/shm'), {memoryLimitKiB: 65536}),
    );
    try {
      const folder = temporaryFolder();
      expect((await unlockVolumeKey(vetted, Buffer.from('cheap'), folder)).outcome).to.equal('unlocked');
      expect((await unlockVolumeKey(vetted, key, folder)).outcome).to.equal('wrong-passphrase');
    } finally {
      discardVettedHeader(vetted);
    }
  });

  it('is not behind an empty key, nor behind one that cryptsetup would not read', async function () {
    // cryptsetup copies all that it has at every 4 KiB of a key: 8 MiB take it a minute on a busy machine.
    this.timeout(600_000);
    const path = formatImage(key, cheap);
    for (const tried of [Buffer.alloc(0), Buffer.alloc(keySizeLimitBytes + 1)]) {
      expect(await unlock(path, tried)).to.deep.equal({outcome: 'wrong-passphrase'});
      expect(await withVetted(path, (vetted) => testPassphrase(vetted, tried))).to.equal(false);
    }
    expect(await unlock(path, Buffer.alloc(keySizeLimitBytes, 'a'))).to.deep.equal({outcome: 'wrong-passphrase'});
  });

  it('leaves nothing in the private directory, whether it was found or not', async () => {
    const path = formatImage(key, cheap);
    const folder = temporaryFolder();
    await withVetted(path, async (vetted) => {
      await unlockVolumeKey(vetted, key, folder);
      await unlockVolumeKey(vetted, Buffer.from('wrong'), folder);
    });
    expect(readdirSync(folder)).to.deep.equal([]);
  });

  it('comes as often as it is asked for, without a descriptor more', async () => {
    const path = formatImage(key, cheap);
    const folder = temporaryFolder();
    await withVetted(path, async (vetted) => {
      await unlockVolumeKey(vetted, key, folder);
      const before = readdirSync('/proc/self/fd').length;
      for (let round = 0; round < 20; round += 1) {
        const tried = round % 2 === 0 ? key : Buffer.from('wrong');
        await Promise.all([unlockVolumeKey(vetted, tried, folder), testPassphrase(vetted, tried)]);
      }
      expect(readdirSync('/proc/self/fd').length).to.equal(before);
    });
  });
});

describe('The test of a passphrase', () => {
  after(removeFolders);

  it('tells right from wrong', async () => {
    await withVetted(formatImage(key, cheap), async (vetted) => {
      expect(await testPassphrase(vetted, key)).to.equal(true);
      expect(await testPassphrase(vetted, Buffer.from('wrong'))).to.equal(false);
    });
  });
});

async function rejection(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => undefined,
    (error: unknown) => error,
  );
}

/** Where cryptsetup keeps its locks of block devices. */
function lockDirectory(): string[] | undefined {
  return existsSync('/run/cryptsetup') ? readdirSync('/run/cryptsetup') : undefined;
}
