import {expect} from 'chai';
import fc from 'fast-check';
import {decodeOctalEscapes} from '../../src/kernel/octal-escape.ts';

/** What `seq_escape` does with the characters that it is given. */
function escape(bytes: Uint8Array, escaped = ' \t\n\\'): Buffer {
  return Buffer.concat(
    [...bytes].map((byte) =>
      escaped.includes(String.fromCharCode(byte)) && byte < 0x80
        ? Buffer.from(`\\${byte.toString(8).padStart(3, '0')}`)
        : Buffer.from([byte]),
    ),
  );
}

describe('octal escapes of the kernel', () => {
  it('come back as the bytes that they stand for', () => {
    expect(decodeOctalEscapes(Buffer.from('a\\040b\\011c\\012d\\134e')).toString()).to.equal('a b\tc\nd\\e');
  });

  it('give every name back byte for byte, UTF-8 or not', () => {
    fc.assert(
      fc.property(fc.uint8Array(), (name) => decodeOctalEscapes(escape(name)).equals(Buffer.from(name))),
      {numRuns: 1000},
    );
  });

  it('are not seen where there is only a backslash', () => {
    for (const text of ['\\', 'a\\', '\\9', '\\08', '\\400', '\\x20']) {
      expect(decodeOctalEscapes(Buffer.from(text)).toString(), text).to.equal(text);
    }
  });
});
