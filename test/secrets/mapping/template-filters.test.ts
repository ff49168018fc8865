import {spawnSync} from 'node:child_process';
import {isUtf8} from 'node:buffer';
import {expect} from 'chai';
import fc from 'fast-check';
import {parse as parseYaml} from 'yaml';
import {parseDotenv} from '../../../plugins/tazpod-dotenv/src/parse.ts';
import {needsFilter} from '../../../src/secrets/mapping/template-need.ts';
import {filters, Unfit} from '../../../src/secrets/mapping/template-filters.ts';

/** Bytes of which many mean something to a shell, to JSON or to YAML. */
const special = fc.constantFrom(...Buffer.from(`'"\\$\`#\n: {}[]&*!|>%@,-~=`));
const bytes = fc
  .array(fc.oneof(special, special, fc.integer({min: 0, max: 255})), {maxLength: 12})
  .map((each) => Buffer.from(each));

describe('A filter of a template', () => {
  function check(filter: keyof typeof filters, read: (literal: Buffer, value: Buffer) => void): void {
    fc.assert(
      fc.property(bytes, (value) => {
        try {
          read(filters[filter](value), value);
        } catch (error) {
          if (!(error instanceof Unfit)) throw error;
        }
      }),
      {numRuns: 400},
    );
  }

  it('writes JSON that is the value', () => {
    check('json', (literal, value) => expect(JSON.parse(literal.toString())).to.equal(value.toString()));
  });

  it('writes YAML that is the value', () => {
    check('yaml', (literal, value) =>
      expect(parseYaml(`key: ${literal.toString()}\n`)).to.deep.equal({key: value.toString()}),
    );
  });

  it('writes a line of .env that no reader doubts, and that is the value', () => {
    check('dotenv', (literal, value) => {
      const {assignments, doubts} = parseDotenv(Buffer.concat([Buffer.from('A='), literal, Buffer.from('\n')]));
      expect(doubts).to.deep.equal([]);
      expect(assignments[0]!.value.equals(value)).to.equal(true);
    });
  });

  it('writes a word of a shell that is the value, with any bytes', () => {
    const values = fc.sample(bytes, 300).filter((value) => !value.includes(0));
    const script = values.map((value) => Buffer.concat([Buffer.from("printf '%s\\0' "), filters.shell(value)]));
    const input = Buffer.concat(script.flatMap((line) => [line, Buffer.from('\n')]));
    const {stdout} = spawnSync('sh', {input, env: {LC_ALL: 'C'}});
    const read = stdout.toString('latin1').split('\0').slice(0, -1);
    expect(read).to.deep.equal(values.map((value) => value.toString('latin1')));
  });

  it('refuses what its form cannot have', () => {
    for (const filter of ['json', 'yaml', 'dotenv'] as const)
      expect(() => filters[filter](Buffer.from([0xff]))).to.throw(Unfit);
    expect(() => filters.dotenv(Buffer.from(`'"`))).to.throw(Unfit);
    expect(() => filters.shell(Buffer.from([0]))).to.throw(Unfit);
    expect(filters.base64(Buffer.from([0xff])).toString()).to.equal('/w==');
  });

  it('is asked for where a value would break the file, by the name of the file', () => {
    const need = (file: string, value: string, before: string, after: string) =>
      needsFilter(file, Buffer.from(value), before, after);
    expect(need('a.json', 'x', '"', '"')).to.equal(undefined);
    expect(need('a.json', '8080', ': ', ',')).to.equal(undefined);
    expect(need('a.json', 'x', ': ', ',')).to.equal('json');
    expect(need('a.yml', 'a: b', 'key: ', '\n')).to.equal('yaml');
    expect(need('a.yaml', 'https://x', 'key: ', '\n')).to.equal(undefined);
    expect(need('a.yaml', 'a\nb', "key: '", "'")).to.equal('yaml');
    expect(need('.env', '#x', 'A=', '\n')).to.equal('dotenv');
    expect(need('app.env', 'two words', "A='", "'\n")).to.equal(undefined);
    expect(need('run.sh', 'a$b', 'A="', '"')).to.equal('shell');
    expect(need('plain.conf', 'a\nb', '', '')).to.equal(undefined);
  });

  it('is never asked for where a real reader sees the value', () => {
    fc.assert(
      fc.property(
        bytes.filter((value) => isUtf8(value)),
        (value) => {
          if (needsFilter('x.json', value, '"', '"') !== undefined) return;
          expect(JSON.parse(`"${value.toString()}"`)).to.equal(value.toString());
        },
      ),
    );
  });
});
