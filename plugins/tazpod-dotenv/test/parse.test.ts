import {expect} from 'chai';
import fc from 'fast-check';
import {parseDotenv, ParseError} from '../src/parse.ts';
import type {Reader} from '../src/readers.ts';

function parsed(text: string | Buffer, readers?: readonly Reader[]): Record<string, string> {
  const {assignments, doubts} = parseDotenv(Buffer.from(text as string), readers);
  expect(doubts).to.deep.equal([]);
  return Object.fromEntries(assignments.map(({name, value}) => [name, value.toString('latin1')]));
}

describe('A .env file', () => {
  for (const [text, values] of [
    ['A=1\nB=two-words\n', {A: '1', B: 'two-words'}],
    ['# comment\n\nexport A=1 # one\n', {A: '1'}],
    ['A=\n\nC=3', {A: '', C: '3'}],
    [`A='it "is" \\n $B' # it's\n`, {A: 'it "is" \\n $B'}],
    ['A="one\ntwo"\nB=3', {A: 'one\ntwo', B: '3'}],
    ['A=1\r\n# comment\r\n\r\nB="2" # two\r\nC=3 # three\r\n', {A: '1', B: '2', C: '3'}],
    ['\ufeffA=1', {A: '1'}],
    ['A=1\nA=2', {A: '2'}],
    ["A='#hunter2'", {A: '#hunter2'}],
  ] as const) {
    it(`has values that every reader agrees on: ${JSON.stringify(text)}`, () => {
      expect(parsed(text)).to.deep.equal(values);
    });
  }

  for (const [text, readers, values] of [
    ['A=two words', ['dotenv', 'node', 'compose', 'python'], {A: 'two words'}],
    ['A="one\\ntwo"', ['dotenv', 'node', 'compose'], {A: 'one\ntwo'}],
    ['A=$HOME', ['dotenv', 'node'], {A: '$HOME'}],
    ['A=`a "b" \'c\'`', ['dotenv', 'node'], {A: 'a "b" \'c\''}],
    ['A: yaml', ['dotenv', 'compose'], {A: 'yaml'}],
    ['spring.datasource=x', ['compose', 'dotenv'], {'spring.datasource': 'x'}],
    ['A="one\r\ntwo"\r\nB=3\r\n', ['dotenv', 'node', 'python', 'compose'], {A: 'one\ntwo', B: '3'}],
  ] as const) {
    it(`has values that the readers of the settings agree on: ${JSON.stringify(text)}`, () => {
      expect(parsed(text, readers)).to.deep.equal(values);
      expect(parseDotenv(Buffer.from(text)).doubts).to.have.length(1);
    });
  }

  it('tells a doubt with its line, its name and the reason, and nothing of the value', () => {
    const {doubts} = parseDotenv(Buffer.from('A=1\nB="\n\n"\nDB_PASSWORD=#hunter2\n'));
    expect(doubts).to.deep.equal([{line: 5, name: 'DB_PASSWORD', why: 'there is a "#" outside of quotes'}]);
  });

  for (const [text, line, sentence] of [
    ['A=1\nhunter2\n', 2, 'is not an assignment'],
    ['\nA="1\n2', 2, 'has an opening quotation mark without a closing one'],
    ["A='1' 2", 1, 'has text after its closing quotation mark'],
    ['A="\n\n"\n=x', 4, 'is not an assignment'],
    ['export A', 1, 'is not an assignment'],
  ] as const) {
    it(`is refused with the line, and no word of it: ${JSON.stringify(text)}`, () => {
      const parse = () => parseDotenv(Buffer.from(text));
      expect(parse).to.throw(ParseError, sentence).with.property('line', line);
    });
  }

  it('gives every text between single quotes as it is, or says that it is in doubt', () => {
    const value = fc.uint8Array({maxLength: 40}).map((bytes) => Buffer.from(bytes.filter((byte) => byte !== 0x27)));
    fc.assert(
      fc.property(value, (bytes) => {
        const text = Buffer.concat([Buffer.from("A='"), bytes, Buffer.from("'\n")]);
        const {assignments, doubts} = parseDotenv(text);
        expect(doubts.length > 0 || assignments[0]!.value.equals(bytes)).to.equal(true);
      }),
    );
  });
});
