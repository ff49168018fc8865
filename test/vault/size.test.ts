import {expect} from 'chai';
import fc from 'fast-check';
import {formatSize, minimumSizeBytes, parseSize} from '../../src/vault/size.ts';
import {failureOf} from '../failure-of.ts';

describe('The size of a vault', () => {
  it('is read with and without suffix, in powers of 1024', () => {
    for (const [text, sizeBytes] of [
      ['32M', 32 * 2 ** 20],
      ['512M', 512 * 2 ** 20],
      ['512m', 512 * 2 ** 20],
      ['2G', 2 ** 31],
      ['2GiB', 2 ** 31],
      ['2 GB', 2 ** 31],
      ['1.5G', 1.5 * 2 ** 30],
      ['1T', 2 ** 40],
      ['65536K', 2 ** 26],
      ['1073741824', 2 ** 30],
    ] as const) {
      expect(parseSize(text), text).to.equal(sizeBytes);
    }
  });

  it('is rounded up to whole pages', () => {
    expect(parseSize(String(2 ** 26 + 1))).to.equal(2 ** 26 + 4096);
    fc.assert(
      fc.property(fc.integer({min: minimumSizeBytes, max: 2 ** 50}), (bytes) => {
        const sizeBytes = parseSize(String(bytes));
        expect(sizeBytes % 4096).to.equal(0);
        expect(sizeBytes - bytes).to.be.within(0, 4095);
      }),
    );
  });

  it('is refused if it is malformed, too small or too large', async () => {
    for (const text of [
      '',
      'M',
      'x',
      '-1G',
      '1e9',
      '1,5G',
      '0x40000000',
      '1G2',
      '12 34',
      'NaN',
      '1P',
      '31M',
      '0',
      '9'.repeat(20),
      `${'9'.repeat(400)}T`,
    ]) {
      expect((await failureOf(() => parseSize(text))).code, text).to.equal(64);
    }
    expect((await failureOf(() => parseSize('31M'))).next).to.equal('tazpod vault create --size 32M');
  });

  it('is never anything but a size, for any text', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        try {
          expect(parseSize(text)).to.satisfy(Number.isSafeInteger).and.to.be.at.least(minimumSizeBytes);
        } catch (error) {
          expect(error).to.include({name: 'Failure', code: 64});
        }
      }),
    );
  });

  it('is shown in the largest unit that it has one of', () => {
    for (const [sizeBytes, text] of [
      [0, '0 bytes'],
      [1023, '1023 bytes'],
      [1024, '1 KiB'],
      [1536, '1.5 KiB'],
      [32 * 2 ** 20, '32 MiB'],
      [2 ** 40, '1 TiB'],
      [2 ** 52, '4096 TiB'],
    ] as const) {
      expect(formatSize(sizeBytes)).to.equal(text);
    }
  });
});
