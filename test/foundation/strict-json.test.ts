import {expect} from 'chai';
import fc from 'fast-check';
import {parseStrictJson} from '../../src/foundation/strict-json.ts';

const parse = (text: string | Uint8Array, maximumDepth = 8) =>
  parseStrictJson(typeof text === 'string' ? Buffer.from(text) : text, {maximumDepth});

describe('JSON between strangers', () => {
  it('is read as JSON.parse reads it, with any content', () => {
    fc.assert(
      fc.property(fc.jsonValue({maxDepth: 6}), fc.constantFrom(0, 2), (value, spaces) => {
        const text = JSON.stringify(value, undefined, spaces);
        expect(parse(text)).to.deep.equal(JSON.parse(text));
      }),
    );
  });

  it('is refused where JSON.parse refuses it, and never read in another way', () => {
    const nearly = fc
      .tuple(
        fc.json({maxDepth: 3}),
        fc.nat(),
        fc.constantFrom('"', '\\', '{', '}', '[', ']', ':', ',', '\n', '\u0000', 'é'),
      )
      .map(([text, at, inserted]) => {
        const place = at % (text.length + 1);
        return text.slice(0, place) + inserted + text.slice(place);
      });
    fc.assert(
      fc.property(nearly, (text) => {
        let ours: unknown;
        try {
          ours = parse(text);
        } catch (error) {
          expect(error).to.be.instanceOf(SyntaxError);
          return;
        }
        expect(ours).to.deep.equal(JSON.parse(text));
      }),
      {numRuns: 1000},
    );
  });

  it('has no key twice in one object, however it is written', () => {
    for (const text of ['{"a":1,"a":1}', '{"a":1,"\\u0061":2}', '[{"x":{"k":1,"b":[{}],"k":2}}]', '{"":1,"":2}']) {
      expect(() => parse(text), text).to.throw(SyntaxError);
    }
    expect(parse('[{"a":1},{"a":1},{"b":{"a":1},"a":"a"}]')).to.have.lengthOf(3);
  });

  it('has a key twice in a text only where both are keys', () => {
    expect(parse('{"a":"a","b":["a","a"],"c":":{\\"a\\":"}')).to.be.an('object');
  });

  it('nests no deeper than allowed', () => {
    expect(parse('[[1]]', 2)).to.deep.equal([[1]]);
    expect(() => parse('[[1]]', 1)).to.throw(SyntaxError);
    expect(() => parse('{"a":[{}]}', 2)).to.throw(SyntaxError);
    expect(parse('"[[[["', 0)).to.equal('[[[[');
    // So deep that a parser that recurses would end with the stack.
    expect(() => parse('['.repeat(1_000_000), 8)).to.throw(SyntaxError);
  });

  it('is UTF-8 without errors and without a mark before it', () => {
    for (const bytes of [
      [0x22, 0xff, 0x22],
      [0x22, 0xc3, 0x22],
      [0x22, 0xed, 0xa0, 0x80, 0x22],
      [0xef, 0xbb, 0xbf, 0x31],
    ]) {
      expect(() => parse(Uint8Array.from(bytes))).to.throw(SyntaxError);
    }
  });

  it('is never repeated by the error', () => {
    fc.assert(
      fc.property(fc.string({minLength: 0}), (noise) => {
        try {
          parse(`{"secret-key": secret-value ${noise}`);
          expect.fail('this is no JSON');
        } catch (error) {
          expect((error as Error).message).not.to.match(/secret/);
        }
      }),
    );
  });
});
