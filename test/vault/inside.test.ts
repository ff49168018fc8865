import {mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {expect} from 'chai';
import {formatFileIdentity, identifyFile} from '../../src/kernel/file-identity.ts';
import {type NamedVault, requireThisVault, requireWritable} from '../../src/vault/inside.ts';
import {failureOf} from '../failure-of.ts';

describe('What a command inside a ghost says about a vault', () => {
  let folder: string;
  let here: Parameters<typeof requireThisVault>[0];

  beforeEach(() => {
    folder = realpathSync(mkdtempSync(join(tmpdir(), 'tazpod-inside-')));
    for (const name of ['this.img', 'other.img']) writeFileSync(join(folder, name), '');
    mkdirSync(join(folder, 'mount'));
    symlinkSync('this.img', join(folder, 'link.img'));
    const image = join(folder, 'this.img');
    const imageId = formatFileIdentity(identifyFile(image));
    here = {engine: 'fuse', image, imageId, isolation: 'sealed', mountPoint: join(folder, 'mount')};
  });

  afterEach(() => rmSync(folder, {recursive: true}));

  it('may name the vault that is open there, by any path, and how it was opened', () => {
    for (const image of ['this.img', './mount/../this.img', 'link.img']) {
      requireThisVault(here, {image: join(folder, image)});
    }
    requireThisVault(here, {engine: 'fuse', isolation: 'sealed', join: true, 'mount-point': join(folder, 'mount')});
    requireThisVault(here, {});
  });

  it('is refused with 64 where it is something else', async () => {
    const wrong: readonly NamedVault[] = [
      {image: join(folder, 'other.img')},
      {image: join(folder, 'absent.img')},
      {'mount-point': folder},
      {engine: 'dm-crypt'},
      {isolation: 'private'},
      {share: ['dbus']},
      {strategy: 'smart'},
      {'read-only': true},
    ];
    for (const named of wrong) {
      const failure = await failureOf(async () => requireThisVault(here, named));
      expect(failure.code, JSON.stringify(named)).to.equal(64);
      expect(failure.next, JSON.stringify(named)).to.be.a('string');
    }
  });

  it('may ask for a read-only session in a vault that is open read-only, and for no writing there', async () => {
    requireThisVault({...here, readOnly: true}, {'read-only': true});
    requireThisVault({...here, readOnly: true}, {});
    requireWritable(here, 'A pull');
    const failure = await failureOf(async () => requireWritable({readOnly: true}, 'A pull'));
    expect(failure.toJSON()).to.deep.equal({
      code: 64,
      what: 'A pull writes into the vault, which is open read-only.',
      why: 'Nothing in it can be changed until it is locked and opened again.',
      next: 'exit',
    });
  });

  it('is refused as busy where it must not be open yet', async () => {
    expect((await failureOf(async () => requireThisVault(here, {join: false}))).code).to.equal(75);
  });
});
