import {expect} from 'chai';
import fc from 'fast-check';
import {linesOf, Redactor} from '../../../src/secrets/session/redactor.ts';

/** What must come out: every byte of every occurrence masked, a row of them as one mask. */
function expected(text: string, values: readonly string[]): string {
  const masked = new Set<number>();
  for (const value of values) {
    for (let at = text.indexOf(value); at !== -1; at = text.indexOf(value, at + 1)) {
      for (let index = at; index < at + value.length; index++) masked.add(index);
    }
  }
  return Array.from(text)
    .map((letter, index) => (!masked.has(index) ? letter : masked.has(index - 1) ? '' : '***'))
    .join('');
}

function through(values: readonly string[], chunks: readonly string[], settle = false): string {
  const redactor = new Redactor(values.map((value) => Buffer.from(value, 'latin1')));
  const shown = chunks.flatMap((chunk) => [
    redactor.push(Buffer.from(chunk, 'latin1')),
    ...(settle ? [redactor.settle()] : []),
  ]);
  return Buffer.concat([...shown, redactor.end()]).toString('latin1');
}

// Few letters, so that values overlap, begin like each other and stand in each other.
const word = fc.string({unit: fc.constantFrom('a', 'b', 'c'), minLength: 4, maxLength: 9});
const stream = fc.array(fc.string({unit: fc.constantFrom('a', 'b', 'c'), maxLength: 12}), {maxLength: 12});

describe('The redaction of output', () => {
  it('masks every occurrence of every value, wherever the stream is cut', () => {
    fc.assert(
      fc.property(fc.array(word, {maxLength: 5}), stream, (values, chunks) => {
        expect(through(values, chunks)).to.equal(expected(chunks.join(''), values));
      }),
      {numRuns: 2000},
    );
  });

  it('lets every other byte pass, cut anywhere', () => {
    const bytes = fc.uint8Array({maxLength: 40}).map((each) => Buffer.from(each).toString('latin1'));
    fc.assert(
      fc.property(fc.array(bytes), (chunks) => {
        expect(through(['a value that is not in it'], chunks)).to.equal(chunks.join(''));
      }),
    );
  });

  it('keeps colours, also in the midst of a value, and is not misled by them', () => {
    expect(through(['hunter22'], ['\u001b[31mhun\u001b[0', ';1mter22\u001b[m.'])).to.equal(
      '\u001b[31m***\u001b[0;1m\u001b[m.',
    );
    expect(through(['hunter22'], ['\u001b]0;title\u0007hunter22'])).to.equal('\u001b]0;title\u0007***');
  });

  it('gives a prompt that ends like a value begins, after a moment', () => {
    const redactor = new Redactor([Buffer.from('password-of-mine')]);
    expect(redactor.push(Buffer.from('Your pas')).toString()).to.equal('Your ');
    expect(redactor.settle().toString()).to.equal('pas');
    expect(redactor.push(Buffer.from('sage?')).toString()).to.equal('sage?');
  });

  it('shows no more than three bytes of a value that comes slowly', () => {
    const value = 'password-of-mine';
    expect(through([value], Array.from(`<${value}>`), true)).to.equal('<pas***>');
  });

  it('leaves values alone that are too short to mean anything', () => {
    expect(through(['yes', ''], ['yes, yes'])).to.equal('yes, yes');
  });

  it('masks a value of several lines line by line, as a terminal shows it', () => {
    const lines = linesOf([Buffer.from('-----BEGIN KEY-----\nAAAAB3Nza\n-----END KEY-----\n')]).map((line) =>
      line.toString(),
    );
    expect(through(lines, ['-----BEGIN KEY-----\r\nAAAAB3Nza\r\n-----END KEY-----\r\n'])).to.equal(
      '***\r\n***\r\n***\r\n',
    );
  });

  it('takes long values and much output in a time that nobody waits for', () => {
    const value = 'x'.repeat(500_000) + 'y';
    const started = Date.now();
    expect(through([value], [`${'x'.repeat(400_000)}z`, value, 'z'.repeat(1_000_000)])).to.equal(
      `${'x'.repeat(400_000)}z***${'z'.repeat(1_000_000)}`,
    );
    expect(Date.now() - started).to.be.lessThan(10_000);
  });
});
