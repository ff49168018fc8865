import {expect} from 'chai';
import {bytesOf} from '../../src/foundation/size.ts';

describe('A size as people write it', () => {
  for (const [text, bytes] of [
    ['1073741824', 2 ** 30],
    ['512M', 512 * 2 ** 20],
    ['1.5GiB', 1.5 * 2 ** 30],
    [' 2 tb ', 2 * 2 ** 40],
  ] as const) {
    it(`${JSON.stringify(text)} is ${bytes} bytes`, () => {
      expect(bytesOf(text)).to.equal(bytes);
    });
  }

  for (const text of ['', 'M', '1P', '-1M', '1.M', '1e3']) {
    it(`${JSON.stringify(text)} is none`, () => {
      expect(bytesOf(text)).to.equal(undefined);
    });
  }
});
