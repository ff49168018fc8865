import {expect} from 'chai';
import fc from 'fast-check';
import {parseDotenv, ParseError} from '../src/parse.ts';

function parsed(text: string): Record<string, string> {
  return Object.fromEntries(parseDotenv(Buffer.from(text)).map(({name, value}) => [name, value.toString('latin1')]));
}

describe('A .env file', () => {
  for (const [text, values] of [
    ['A=1\nB=two words\n', {A: '1', B: 'two words'}],
    ['# comment\n\nexport A = 1 # one\n', {A: '1'}],
    ['A=a#b', {A: 'a#b'}],
    ['A=\nB=', {A: '', B: ''}],
    [`A='it "is" \\n $B' # c\n`, {A: 'it "is" \\n $B'}],
    ['A="line\\nline\\t\\"\\$\\\\ \\x"', {A: 'line\nline\t"$\\ \\x'}],
    ['A="one\ntwo"\nB=3', {A: 'one\ntwo', B: '3'}],
    ['A=`a "b" \'c\'`', {A: 'a "b" \'c\''}],
    ['A=1\r\nB=2\r\n', {A: '1', B: '2'}],
    ['\ufeffA=1', {A: '1'}],
    ['A=1\nA=2', {A: '2'}],
    ['A=$HOME', {A: '$HOME'}],
    ['A: yaml', {A: 'yaml'}],
  ] as const) {
    it(`is understood: ${JSON.stringify(text)}`, () => expect(parsed(text)).to.deep.equal(values));
  }

  for (const [text, line, sentence] of [
    ['A=1\nhunter2\n', 2, 'is no assignment'],
    ['\nA="1\n2', 2, 'begins a quotation that has no end'],
    ["A='1' 2", 1, 'has something behind its quotation'],
    ['A="\n\n"\n=x', 4, 'is no assignment'],
  ] as const) {
    it(`is refused with the line, and no word of it: ${JSON.stringify(text)}`, () => {
      const parse = () => parseDotenv(Buffer.from(text));
      expect(parse).to.throw(ParseError, sentence).with.property('line', line);
    });
  }

  it('gives every byte between single quotes as it is', () => {
    const value = fc.uint8Array({maxLength: 40}).map((bytes) => Buffer.from(bytes.filter((byte) => byte !== 0x27)));
    fc.assert(
      fc.property(value, (bytes) => {
        const text = Buffer.concat([Buffer.from("A='"), bytes, Buffer.from("'\n")]);
        expect(parseDotenv(text)[0]!.value.equals(bytes)).to.equal(true);
      }),
    );
  });
});
