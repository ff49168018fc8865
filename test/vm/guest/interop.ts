import {spawnSync} from 'node:child_process';
import {randomBytes} from 'node:crypto';
import {closeSync, mkdirSync, mkdtempSync, openSync, rmSync, statSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {expect} from 'chai';
import {chooseEngine} from '../../../src/engines/choose.ts';
import {dmCryptEngine} from '../../../src/engines/dm-crypt/engine.ts';
import type {Engine} from '../../../src/engines/engine.ts';
import {checkFileSystem, makeFileSystem, mountFileSystem} from '../../../src/engines/file-system.ts';
import {fuseEngine} from '../../../src/engines/fuse/engine.ts';
import {openNamelessFile, readVettedHeader} from '../../../src/luks/private-copy.ts';
import {failureOf} from '../../failure-of.ts';
import {whole} from '../../../scripts/sample.js';
import {describeTree, differences, makeTree, sh} from './file-tree.ts';
import {LuksImage, mebibyte, passphrase} from './image.ts';
import {expectNothing} from './left.ts';

/** An image that is open and whose file system is mounted. */
type Mounted = {readonly path: string; readonly close: () => Promise<void>};

/** What a test that failed has not closed. */
const mounted = new Set<Mounted>();

function remember({path, close}: Mounted): Mounted {
  const each: Mounted = {
    path,
    close: () => {
      mounted.delete(each);
      return close();
    },
  };
  mounted.add(each);
  return each;
}

/** Mounts as the product does, and makes the file system first on request. */
async function mountBy(engine: Engine, image: LuksImage, isNew = false): Promise<Mounted> {
  const folder = mkdtempSync(join(image.folder, 'staging-'));
  const device = await engine.attach({...image.request, folder});
  if (isNew) await makeFileSystem(device, {uid: 1000, gid: 1001});
  expect(await checkFileSystem(device, image.path)).to.equal('clean');
  const path = join(folder, 'fs');
  mkdirSync(path);
  const fileSystem = await mountFileSystem(device, path);
  return remember({
    path,
    close: async () => {
      await fileSystem.unmount({graceMs: 20_000});
      await device.detach();
    },
  });
}

/** Mounts by hand, as the recovery guide says, and lets the image shrink as the kernel's owner may. */
function mountPlainly(image: LuksImage): Mounted {
  const path = mkdtempSync(join(image.folder, 'by-hand-'));
  const name = image.openByHand(undefined, ['--allow-discards']);
  sh(`e2fsck -fn /dev/mapper/${name} 2>/dev/null; mount /dev/mapper/${name} ${path}`);
  return remember({
    path,
    close: () => {
      sh(`umount ${path}`);
      image.closeByHand(name);
      return Promise.resolve();
    },
  });
}

/** Ciphers that cryptsetup offers and OpenSSL's XTS is not, with sizes of their keys in bits. */
const otherCiphers = [
  ['serpent-xts-plain64', 512],
  ['twofish-xts-plain64', 256],
  ['aes-cbc-essiv:sha256', 256],
  ['xchacha20,aes-adiantum-plain64', 256],
] as const;

describe('the choice of an engine', () => {
  for (const [encryption] of otherCiphers) {
    it(`falls on dm-crypt for ${encryption}, and fuse names it`, async () => {
      const segment = {
        encryption,
        ivTweak: 0n,
        offsetBytes: mebibyte,
        sectorSizeBytes: 4096,
        sizeBytes: 'dynamic',
      } as const;
      expect((await chooseEngine(segment)).id).to.equal('dm-crypt');
      expect(await failureOf(() => chooseEngine(segment, 'fuse'))).to.deep.include({
        code: 65,
        why: 'It supports only aes-xts-plain64. The dm-crypt engine, on a kernel with device-mapper, supports the others.',
        next: 'tazpod vault unlock --engine dm-crypt',
      });
    });
  }
});

describe('an image', function () {
  this.timeout(180_000);
  let image: LuksImage;

  afterEach(async () => {
    for (const {close} of mounted) await close();
    image.remove();
    await expectNothing(image.folder);
  });

  describe('full of files', () => {
    let tree: string;
    let original: readonly string[];

    afterEach(() => rmSync(tree, {recursive: true}));

    const ways = [
      [fuseEngine, dmCryptEngine, whole ? 4000 : 1000],
      [dmCryptEngine, fuseEngine, 2000],
    ] as const;
    for (const [maker, other, files] of whole ? ways : ways.slice(0, 1)) {
      it(`that ${maker.id} made and filled is the same to ${other.id} and to plain cryptsetup, and they to it`, async () => {
        tree = mkdtempSync(join(tmpdir(), 'tazpod-tree-'));
        makeTree(tree, {files, seed: files});
        original = describeTree(tree);
        image = new LuksImage([], {}, 40 * mebibyte);
        const made = await mountBy(maker, image, true);
        sh(`cp -a --sparse=always ${tree} ${made.path}/tree`);
        expect(Number(sh(`stat -c %b ${made.path}/tree/sparse`))).to.be.below(32);
        await made.close();

        const reread = await mountBy(other, image);
        expect(differences(original, describeTree(`${reread.path}/tree`))).to.deep.equal([]);
        sh(`cp -a ${tree}/folder-1 ${reread.path}/by-the-other; cp -a ${tree}/folder-2 ${reread.path}/gone`);
        await reread.close();

        const plain = mountPlainly(image);
        expect(differences(original, describeTree(`${plain.path}/tree`))).to.deep.equal([]);
        sh(`mv ${plain.path}/tree/folder-3 ${plain.path}/by-hand; rm -r ${plain.path}/gone; sync -f ${plain.path}`);
        const before = statSync(image.path).blocks;
        sh(`fstrim ${plain.path}`);
        expect(statSync(image.path).blocks).to.be.below(before);
        await plain.close();

        const again = await mountBy(maker, image);
        for (const [there, ours] of [
          ['by-the-other', 'folder-1'],
          ['by-hand', 'folder-3'],
        ] as const) {
          const found = describeTree(join(again.path, there));
          expect(differences(describeTree(join(tree, ours)), found)).to.deep.equal([]);
        }
        await again.close();
      });
    }
  });

  describe('that is trimmed in an open vault', () => {
    // Where cryptsetup would punch no holes either, the tests of the dm-crypt engine show it once.
    for (const engine of whole ? [fuseEngine, dmCryptEngine] : [fuseEngine]) {
      it(`keeps the space it was given, with ${engine.id}`, async () => {
        image = new LuksImage([], {}, 24 * mebibyte);
        const {path, close} = await mountBy(engine, image, true);
        const before = statSync(image.path).blocks;
        sh(`head -c 4M /dev/urandom >${path}/file; sync -f ${path}; rm ${path}/file; sync -f ${path}`);
        // Whether the kernel says so or not: nothing is taken away.
        spawnSync('fstrim', [path]);
        expect(statSync(image.path).blocks).to.be.at.least(before);
        await close();
      });
    }
  });

  /** Each engine writes a MiB of the plaintext, and plain cryptsetup reads all. */
  async function writeBy(...writers: readonly Engine[]): Promise<void> {
    const written = randomBytes(writers.length * mebibyte);
    const folder = mkdtempSync(join(image.folder, 'staging-'));
    for (const [index, engine] of writers.entries()) {
      const device = await engine.attach({...image.request, folder});
      expect(device.sizeBytes).to.equal(written.length);
      const input = written.subarray(index * mebibyte, (index + 1) * mebibyte);
      const dd = spawnSync('dd', [`of=${device.path}`, 'bs=1M', `seek=${index}`, 'conv=notrunc,fsync'], {input});
      expect(dd.status, dd.stderr.toString()).to.equal(0);
      device.savePinned();
      await device.detach();
    }
    expect(image.readByHand().equals(written)).to.equal(true);
  }

  describe('with sectors and keys that cryptsetup offers', () => {
    const formats = [
      [512, 256, mebibyte],
      [4096, 512, 5 * mebibyte],
      [1024, 512, 16 * mebibyte],
      [2048, 256, mebibyte],
    ] as const;
    for (const [sectorSizeBytes, keyBits, offsetBytes] of whole ? formats : formats.slice(0, 1)) {
      const place = `data from ${offsetBytes / mebibyte} MiB on`;
      it(`is one to both engines: ${sectorSizeBytes} bytes, ${keyBits} bits, ${place}`, async () => {
        image = new LuksImage(['--key-size', String(keyBits)], {sectorSizeBytes, offsetBytes}, 2 * mebibyte);
        await writeBy(fuseEngine, dmCryptEngine);
      });
    }

    it('is opened by dm-crypt alone where the key has 384 bits, and fuse says so', async () => {
      image = new LuksImage(['--key-size', '384'], {}, mebibyte);
      expect(await failureOf(() => fuseEngine.attach(image.request))).to.deep.include({
        code: 65,
        why: 'It supports AES-XTS with 256 and 512 bits. The dm-crypt engine, on a kernel with device-mapper, supports 384 too.',
        next: 'tazpod vault unlock --engine dm-crypt',
      });
      await writeBy(dmCryptEngine);
    });
  });

  describe('with another cipher', () => {
    for (const [encryption, keyBits] of whole ? otherCiphers : otherCiphers.slice(0, 1)) {
      it(`is the same to dm-crypt as to plain cryptsetup: ${encryption}`, async () => {
        image = new LuksImage(['--key-size', String(keyBits)], {encryption}, mebibyte);
        await writeBy(dmCryptEngine);
      });
    }
  });

  describe('of a kind that TazPod does not open', () => {
    /** What the vetting says, before any key. */
    async function refusalOf(path: string): Promise<unknown> {
      const fd = openSync(path, 'r');
      const vet = (): Promise<unknown> =>
        Promise.resolve(readVettedHeader(fd, openNamelessFile('/dev/shm'), {memoryLimitKiB: 2 ** 21}));
      return failureOf(vet).finally(() => closeSync(fd));
    }

    const cryptsetup = (words: string): string =>
      sh(`printf '${passphrase}' | cryptsetup --batch-mode --key-file - ${words} 2>&1`);

    it('is refused where it has an integrity layer', async () => {
      image = new LuksImage();
      sh(`truncate -s 40M ${image.path}`);
      const format = '--type luks2 --pbkdf pbkdf2 --pbkdf-force-iterations 1000 --integrity hmac-sha256';
      cryptsetup(`luksFormat ${format} --integrity-no-wipe ${image.path}`);
      expect(await refusalOf(image.path)).to.deep.include({
        code: 65,
        message: 'This image has an integrity layer (dm-integrity).',
      });
    });

    it('is refused where its data is in several segments, with the command that ends that', async () => {
      image = new LuksImage();
      const quick = '--pbkdf pbkdf2 --pbkdf-force-iterations 1000';
      cryptsetup(`reencrypt ${quick} --init-only --resilience checksum ${image.path}`);
      expect(await refusalOf(image.path)).to.deep.include({
        code: 65,
        message: 'The reencryption of this image is not finished.',
        next: 'Finish it: cryptsetup reencrypt --resume-only IMAGE',
      });
    });

    it('is refused where its header lies in another file', async () => {
      image = new LuksImage();
      const header = join(image.folder, 'header');
      const quick = '--pbkdf pbkdf2 --pbkdf-force-iterations 1000';
      sh(`truncate -s 16M ${header}`);
      cryptsetup(`luksFormat --type luks2 ${quick} --header ${header} --offset 0 ${image.path}`);
      expect(await refusalOf(header)).to.deep.include({code: 65, message: 'This is a header without its data.'});
    });
  });
});
