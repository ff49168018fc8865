import {closeSync, linkSync, mkdtempSync, openSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {expect} from 'chai';
import fc from 'fast-check';
import {
  deviceNumber,
  formatFileIdentity,
  identifyFile,
  majorOf,
  minorOf,
  parseFileIdentity,
  sameFile,
} from '../../src/kernel/file-identity.ts';
import {commandOutput} from './command-output.ts';

describe('the identity of a file', () => {
  const folder = mkdtempSync(join(tmpdir(), 'tazpod-identity-'));
  const [image, link, copy] = ['image', 'link', 'copy'].map((name) => join(folder, name)) as [string, string, string];
  before(() => {
    writeFileSync(image, 'same bytes');
    linkSync(image, link);
    writeFileSync(copy, 'same bytes');
  });
  after(() => rmSync(folder, {recursive: true}));

  it('is the same under every name and through a descriptor, and never that of a copy', () => {
    const fd = openSync(link, 'r');
    try {
      expect(sameFile(identifyFile(image), identifyFile(link))).to.equal(true);
      expect(sameFile(identifyFile(image), identifyFile(fd))).to.equal(true);
      expect(sameFile(identifyFile(image), identifyFile(copy))).to.equal(false);
    } finally {
      closeSync(fd);
    }
  });

  it('tells apart two inode numbers that differ only beyond the 53 bits of a double', () => {
    const dev = deviceNumber(8, 1);
    expect(sameFile({dev, ino: 2n ** 63n}, {dev, ino: 2n ** 63n + 1n})).to.equal(false);
  });

  it('has the device numbers that stat(1) prints', () => {
    const {dev} = identifyFile('/dev/null');
    const printed = commandOutput('stat', '--format=%Hd:%Ld', '/dev/null');
    expect(`${majorOf(dev)}:${minorOf(dev)}`).to.equal(printed);
  });

  it('goes into one word and comes back with any numbers', () => {
    const number32 = fc.integer({min: 0, max: 0xffff_ffff});
    fc.assert(
      fc.property(number32, number32, fc.bigInt({min: 0n, max: 2n ** 64n - 1n}), (major, minor, ino) => {
        const identity = {dev: deviceNumber(major, minor), ino};
        const word = formatFileIdentity(identity);
        return word === `${major}:${minor}:${ino}` && sameFile(parseFileIdentity(word)!, identity);
      }),
    );
  });

  it('is not read out of a word of another form', () => {
    for (const word of ['', '8:1', '8:1:', '8:1:5:6', '-8:1:5', '8:1:5 ', '8:1:0x5', '8:1:123456789012345678901']) {
      expect(parseFileIdentity(word), word).to.equal(undefined);
    }
  });
});
