import {expect} from 'chai';
import fc from 'fast-check';
import {quoteUntrusted} from '../../src/luks/untrusted-text.ts';

describe('Text of an untrusted file in a message', () => {
  it('is quoted, short and printable for any bytes', () => {
    fc.assert(
      fc.property(fc.string({unit: 'binary', maxLength: 200}), (text) => {
        const quoted = quoteUntrusted(text);
        expect(quoted).to.match(/^"[\x20-\x7e…]*"$/);
        expect(quoted.length).to.be.below(40 * 12 + 4);
      }),
    );
  });

  it('cannot steer a terminal', () => {
    expect(quoteUntrusted('\x1b[2J\x9b1m\u202e')).to.equal('"\\u001b[2J\\u009b1m\\u202e"');
    expect(quoteUntrusted('aes-xts-plain64')).to.equal('"aes-xts-plain64"');
  });

  it('is cut where it is too long', () => {
    expect(quoteUntrusted('x'.repeat(100), 5)).to.equal('"xxxxx…"');
  });
});
