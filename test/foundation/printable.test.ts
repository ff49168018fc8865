import {expect} from 'chai';
import fc from 'fast-check';
import {isPrintable, printable, printablePath} from '../../src/foundation/printable.ts';

describe('Text of others on a terminal', () => {
  it('has its control, format and line-breaking characters as escapes', () => {
    expect(printable('\x1b[2J\x9b1m\u202ea\u2028b')).to.equal('\\u{1b}[2J\\u{9b}1m\\u{202e}a\\u{2028}b');
    expect(printablePath('/home/u/Fotos März/a\nb')).to.equal('/home/u/Fotos März/a\\u{a}b');
  });

  it('is cut in a sentence, and whole as a path', () => {
    expect(printable('x'.repeat(100), 5)).to.equal('xxxxx…');
    expect(printablePath('x'.repeat(5000))).to.have.lengthOf(5000);
  });

  it('is printable then, whatever it was', () => {
    fc.assert(
      fc.property(fc.string({unit: 'binary', maxLength: 200}), (text) => {
        expect(isPrintable(printable(text)) && isPrintable(printablePath(text))).to.be.true;
        expect(printablePath(text) === text).to.equal(isPrintable(text));
      }),
    );
  });
});
