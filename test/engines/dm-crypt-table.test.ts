import {expect} from 'chai';
import {cryptTable, pinnedTable} from '../../src/engines/dm-crypt/table.ts';

const segment = {
  encryption: 'aes-xts-plain64',
  ivTweak: 0n,
  offsetBytes: 16 * 1024 * 1024,
  sectorSizeBytes: 4096,
  sizeBytes: 'dynamic',
} as const;
const key = Buffer.from('ab'.repeat(64), 'hex');
const mebibyte = 1024 * 1024;

describe('the table of a mapping', () => {
  it('is one line for the whole segment', () => {
    const hexadecimal = key.toString('hex');
    expect(cryptTable(segment, mebibyte, key, '7:0').toString()).to.equal(
      `0 2048 crypt aes-xts-plain64 ${hexadecimal} 0 7:0 32768 1 sector_size:4096\n`,
    );
  });

  for (const [ivTweak, behind] of [
    [0n, 8n],
    [2n ** 64n - 8n, 0n],
  ] as const) {
    it(`that is pinned takes its beginning from the copy, and all else as before (with the tweak ${ivTweak})`, () => {
      const copy = {device: '7:1', sizeBytes: 4096};
      const lines = pinnedTable({...segment, ivTweak}, mebibyte, key, '7:0', copy).toString();
      const hexadecimal = key.toString('hex');
      expect(lines).to.equal(
        `0 8 crypt aes-xts-plain64 ${hexadecimal} ${ivTweak} 7:1 0 1 sector_size:4096\n` +
          `8 2040 crypt aes-xts-plain64 ${hexadecimal} ${behind} 7:0 32776 1 sector_size:4096\n`,
      );
    });
  }
});
