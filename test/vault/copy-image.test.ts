import {createHash, randomBytes} from 'node:crypto';
import {
  appendFileSync,
  closeSync,
  existsSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {expect} from 'chai';
import {copyImage} from '../../src/vault/copy-image.ts';
import type {Presentation} from '../../src/vault/presentation.ts';
import {failureOf} from '../failure-of.ts';

describe('The copy of an image', () => {
  let folder: string;
  let source: string;
  let target: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'tazpod-copy-'));
    [source, target] = [join(folder, 'source'), join(folder, 'target')];
    writeFileSync(source, randomBytes(9 * 2 ** 20 + 17));
  });

  afterEach(() => rmSync(folder, {recursive: true, force: true}));

  /** Copies the source; `during` is called each time that the copy says how far it is. */
  async function copy(during: (doing: string, share: number) => void = () => {}) {
    const fd = openSync(source, 'r');
    try {
      return await copyImage(fd, target, {report: during} as Presentation);
    } finally {
      closeSync(fd);
    }
  }

  it('has every byte, and the digest that sha256sum prints', async () => {
    const {sha256, sizeBytes} = await copy();
    const bytes = readFileSync(source);
    expect(readFileSync(target).equals(bytes)).to.equal(true);
    expect({sha256, sizeBytes}).to.deep.equal({
      sha256: createHash('sha256').update(bytes).digest('hex'),
      sizeBytes: bytes.length,
    });
  });

  it('has holes where the source has nothing but zeros', async () => {
    truncateSync(source, 24 * 2 ** 20);
    await copy();
    expect(statSync(target).size).to.equal(24 * 2 ** 20);
    expect(statSync(target).blocks * 512).to.be.below(16 * 2 ** 20);
    expect(readFileSync(target).equals(readFileSync(source))).to.equal(true);
  });

  it('tells how far it is, to the end', async () => {
    const shares: number[] = [];
    await copy((_doing, share) => shares.push(share));
    expect(shares.filter((share) => share === 1)).to.have.length(2);
    expect(Math.max(...shares)).to.equal(1);
  });

  for (const [what, change] of [
    ['is written to', () => writeFileSync(source, Buffer.alloc(1), {flag: 'r+'})],
    ['grows', () => appendFileSync(source, 'x')],
    ['shrinks', () => truncateSync(source, 2 ** 20)],
  ] as const) {
    it(`is refused and removed if the source ${what} meanwhile`, async () => {
      const failure = await failureOf(() => copy((_doing, share) => share === 1 || change()));
      expect(failure.code).to.equal(75);
      expect(failure.message).to.match(/changed while it was copied/);
      expect(existsSync(target)).to.equal(false);
    });
  }

  it('is refused and removed if it is not what was written', async () => {
    const failure = await failureOf(() =>
      copy((doing, share) => {
        if (share === 1 && doing !== 'Comparing the copy') writeFileSync(target, Buffer.alloc(100), {flag: 'r+'});
      }),
    );
    expect(failure.code).to.equal(74);
    expect(existsSync(target)).to.equal(false);
  });
});
