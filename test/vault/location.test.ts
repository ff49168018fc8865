import {mkdirSync, mkdtempSync, readdirSync, realpathSync, rmSync, statSync, symlinkSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {expect} from 'chai';
import {locateImage, prepareMountPoint} from '../../src/vault/location.ts';
import {failureOf} from '../failure-of.ts';

describe('The place of a vault', () => {
  let folder: string;

  beforeEach(() => {
    folder = realpathSync(mkdtempSync(join(tmpdir(), 'tazpod-location-')));
  });

  afterEach(() => {
    rmSync(folder, {recursive: true});
  });

  function file(...names: string[]): string {
    const path = join(folder, ...names);
    mkdirSync(join(path, '..'), {recursive: true});
    writeFileSync(path, '');
    return path;
  }

  describe('for its image', () => {
    it('is what was named, from the working directory', () => {
      expect(locateImage('a/../vault.img', folder)).to.equal(join(folder, 'vault.img'));
      expect(locateImage('/elsewhere/vault.img', folder)).to.equal('/elsewhere/vault.img');
    });

    it('is the nearest one upwards, where nothing was named', () => {
      const above = file('.tazpod-vault/vault.img');
      const near = file('project/.tazpod-vault/vault.img');
      mkdirSync(join(folder, 'project/deep/er'), {recursive: true});
      mkdirSync(join(folder, 'other'));
      expect(locateImage(undefined, join(folder, 'project/deep/er'))).to.equal(near);
      expect(locateImage(undefined, join(folder, 'other'))).to.equal(above);
    });

    it('is found in the directory of the seeds too, after the own one', () => {
      const old = file('.tazpod/vault/vault.img');
      expect(locateImage(undefined, folder)).to.equal(old);
      expect(locateImage(undefined, folder)).not.to.equal(file('.tazpod-vault/vault.img'));
      expect(locateImage(undefined, folder)).to.equal(join(folder, '.tazpod-vault/vault.img'));
    });

    it('is in the working directory, if none exists yet', () => {
      expect(locateImage(undefined, folder)).to.equal(join(folder, '.tazpod-vault/vault.img'));
    });

    it('has no link of the user’s left in it: to the image, to its directory, or above what is not there yet', () => {
      const image = file('real/vault.img');
      symlinkSync('real', join(folder, 'link'));
      symlinkSync('real/vault.img', join(folder, 'image'));
      expect(locateImage('link/vault.img', folder)).to.equal(image);
      expect(locateImage('image', folder)).to.equal(image);
      expect(locateImage('link/new/vault.img', folder)).to.equal(join(folder, 'real/new/vault.img'));
    });
  });

  describe('for its mount point', () => {
    it('is ~/secrets, made for its user alone', () => {
      const mountPoint = prepareMountPoint(undefined, folder);
      expect(mountPoint).to.equal(join(folder, 'secrets'));
      expect(statSync(mountPoint).mode & 0o777).to.equal(0o700);
      expect(readdirSync(mountPoint)).to.deep.equal([]);
    });

    it('is the directory that is there, as it is', () => {
      mkdirSync(join(folder, 'mine'), {mode: 0o755});
      writeFileSync(join(folder, 'mine/file'), '');
      expect(prepareMountPoint(join(folder, 'mine'), folder)).to.equal(join(folder, 'mine'));
      expect(readdirSync(join(folder, 'mine'))).to.deep.equal(['file']);
    });

    it('is where the user’s own link leads', () => {
      mkdirSync(join(folder, 'real'));
      symlinkSync('real', join(folder, 'link'));
      expect(prepareMountPoint(join(folder, 'link'), folder)).to.equal(join(folder, 'real'));
    });

    it('is refused where a file is in its way', async () => {
      file('secrets');
      expect(await failureOf(() => prepareMountPoint(undefined, folder))).to.include({code: 73});
      expect(await failureOf(() => prepareMountPoint(join(folder, 'secrets/below'), folder))).to.include({code: 73});
    });
  });
});
