import {randomBytes} from 'node:crypto';
import {expect} from 'chai';
import {currentHeader} from '../../src/luks/header.ts';
import {readHeaderCopies} from '../../src/luks/header-reader.ts';
import type {Digest} from '../../src/luks/metadata.ts';
import {isVolumeKeyOf} from '../../src/luks/volume-key-digest.ts';
import {cheap, formatImage, removeFolders, volumeKeyOf, withFile} from './images.ts';

describe('The digest of a volume key', () => {
  afterEach(removeFolders);

  const digestOf = (path: string): Promise<Digest> =>
    withFile(path, (fd) => currentHeader(readHeaderCopies(fd))!.digests[0]!);

  for (const hash of ['sha256', 'sha512', 'sha1', 'sha3-256', 'blake2b-512', 'blake2s-256']) {
    it(`knows the key of an image by ${hash}, and no other key`, async () => {
      const path = formatImage('a', [...cheap, `--hash=${hash}`]);
      const digest = await digestOf(path);
      expect(digest.hash).to.equal(hash);
      const key = volumeKeyOf(path, 'a');
      expect(await isVolumeKeyOf(digest, key)).to.equal(true);
      key[63]! ^= 1;
      expect(await isVolumeKeyOf(digest, key)).to.equal(false);
      expect(await isVolumeKeyOf(digest, randomBytes(64))).to.equal(false);
    });
  }

  it('does not know the key of another image that has the same passphrase', async () => {
    const opened = formatImage('a', cheap);
    const exchanged = formatImage('a', cheap);
    expect(await isVolumeKeyOf(await digestOf(opened), volumeKeyOf(exchanged, 'a'))).to.equal(false);
  });
});
