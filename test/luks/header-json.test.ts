import {expect} from 'chai';
import fc from 'fast-check';
import {MalformedHeaderJson, parseHeaderJson} from '../../src/luks/header-json.ts';
import type {JsonValue} from '../../src/luks/header-json.ts';

const parse = (text: string): JsonValue => parseHeaderJson(Buffer.from(text));

/** The same value in the types of `JSON.parse`; a fraction has lost its value. */
function plain(value: JsonValue): unknown {
  if (typeof value === 'bigint') return Number(value);
  if (value instanceof Map) return Object.fromEntries([...value].map(([key, item]) => [key, plain(item as JsonValue)]));
  if (Array.isArray(value)) return value.map((item: JsonValue) => plain(item));
  return value;
}

describe('The JSON of a header', () => {
  it('reads as JSON.parse reads it, however it is spaced', () => {
    const json = fc.jsonValue({maxDepth: 5, noUnicodeString: false}).filter((value) => !holdsFraction(value));
    fc.assert(
      fc.property(json, fc.nat(3), (value, indent) => {
        const text = JSON.stringify(value, null, indent);
        if (text.includes('\\u0000') || !text.isWellFormed() || /\\ud[89a-f]/i.test(text)) return;
        const wanted = JSON.parse(text) as unknown;
        expect(plain(parse(text))).to.deep.equal(wanted);
      }),
      {numRuns: 1000},
    );
  });

  it('is refused wherever JSON.parse refuses it', () => {
    fc.assert(
      fc.property(fc.oneof(fc.json(), fc.string()), fc.nat(40), fc.string({maxLength: 2}), (text, at, inserted) => {
        const changed = text.slice(0, at) + inserted + text.slice(at);
        let accepted = true;
        try {
          parse(changed);
        } catch (error) {
          expect(error).to.be.instanceOf(MalformedHeaderJson);
          accepted = false;
        }
        if (accepted) expect(() => JSON.parse(changed) as unknown).not.to.throw();
      }),
      {numRuns: 2000},
    );
  });

  it('keeps integers exact, and apart from other numbers', () => {
    expect(parse('18446744073709551615')).to.equal(18446744073709551615n);
    expect(parse('-7')).to.equal(-7n);
    for (const text of ['64.0', '6.4e1', '64E0']) expect(parse(text)).to.deep.equal({fraction: true});
  });

  it('is refused with a key twice, also when one of them is escaped', () => {
    expect(() => parse('{"a":1,"b":{"a":2},"a":3}')).to.throw(MalformedHeaderJson, 'a key appears twice');
    expect(() => parse('{"a":1,"\\u0061":3}')).to.throw(MalformedHeaderJson, 'a key appears twice');
    expect(plain(parse('{"a":{"a":1},"b":{"a":1}}'))).to.deep.equal({a: {a: 1}, b: {a: 1}});
  });

  it('may nest 30 levels and have 20,000 values, and no more', () => {
    expect(() => parse('['.repeat(30) + ']'.repeat(30))).not.to.throw();
    expect(() => parse('['.repeat(31) + ']'.repeat(31))).to.throw(MalformedHeaderJson, 'nested too deeply');
    expect(() => parse('['.repeat(1_000_000))).to.throw(MalformedHeaderJson, 'nested too deeply');
    expect(() => parse(`[${'0,'.repeat(19_998)}0]`)).not.to.throw();
    expect(() => parse(`[${'0,'.repeat(20_000)}0]`)).to.throw(MalformedHeaderJson, 'too many values');
  });

  it('names no byte of the text in its errors', () => {
    for (const text of [
      '{"secret',
      '[secret]',
      '"secret\n"',
      '"\\secret"',
      '{"a":secret}',
      '{"secret":1,"secret":2}',
    ]) {
      expect(() => parse(text))
        .to.throw(MalformedHeaderJson)
        .with.property('message')
        .that.does.not.include('secret');
    }
  });
});

function holdsFraction(value: unknown): boolean {
  if (typeof value === 'number') return !Number.isSafeInteger(value) || Object.is(value, -0);
  return typeof value === 'object' && value !== null && Object.values(value).some(holdsFraction);
}
