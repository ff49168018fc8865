import {isUtf8} from 'node:buffer';
import {spawnSync} from 'node:child_process';
import {mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {dirname, join} from 'node:path';
import {expect} from 'chai';
import fc from 'fast-check';
import {
  parseEnvironment,
  renderEnvironment,
  type Variable,
} from '../../../src/secrets/environment/environment-files.ts';

/** Every byte that can be in a variable, and all of them at once: the shells have favourites of their own. */
const everyByte = Buffer.from(Array.from({length: 255}, (_, index) => index + 1));

const hard: readonly Buffer[] = [
  everyByte,
  Buffer.from(everyByte).reverse(),
  ...Array.from(everyByte, (byte) => Buffer.from([byte])),
  ...[
    '',
    "'",
    "''",
    '\\',
    '\\\\',
    "\\'",
    '\n',
    '\r\n',
    ' a ',
    '$(id)',
    '`id`',
    '${HOME}',
    '!!',
    '~',
    '*',
    '"',
    '#x',
  ].map((text) => Buffer.from(text)),
  Buffer.from("it's\n'quoted'\\n\n\n"),
  Buffer.from('é漢😀'),
  // Code points that fish uses for bytes that are not UTF-8, and non-characters that it and zsh use for marks.
  Buffer.from('\uf600\uf6ff\ufdd0\uffff'),
  // Bytes that dash and bash use for marks, before quotes.
  Buffer.from("\x81'\x82\x83\x84\x85\x86\x87\x88'\x7f\x01'", 'latin1'),
];

const value = fc.uint8Array({min: 1, max: 255, maxLength: 60}).map((bytes) => Buffer.from(bytes));

describe('The environment that a pull renders', () => {
  let folder: string;

  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'tazpod-environment-'));
  });

  after(() => rmSync(folder, {recursive: true, force: true}));

  function write(values: readonly Buffer[]): Variable[] {
    const variables = values.map((each, index) => ({name: `V${index}_`, value: each}));
    for (const {path, bytes} of renderEnvironment(variables)) {
      mkdirSync(dirname(join(folder, path)), {recursive: true});
      writeFileSync(join(folder, path), bytes);
    }
    return variables;
  }

  /** What `env -0` shows of our variables behind some words. */
  function seenBy(words: readonly string[], locale: string): Map<string, string> {
    const [program, ...args] = words;
    const {status, stdout, stderr} = spawnSync(program!, args, {
      env: {PATH: '/usr/bin:/bin', HOME: folder, LC_ALL: locale},
      maxBuffer: 2 ** 26,
    });
    expect(status, stderr.toString()).to.equal(0);
    const entries = stdout.toString('latin1').split('\0');
    return new Map(
      entries.flatMap((entry) => {
        const [, name, found] = /^(V\d+_)=([^]*)$/.exec(entry) ?? [];
        return name === undefined ? [] : [[name, found!] as const];
      }),
    );
  }

  const shells: Readonly<Record<string, (file: string) => string[]>> = {
    sh: (file) => ['sh', '-c', `. ${file}.sh; exec env -0`],
    bash: (file) => ['bash', '-c', `. ${file}.sh; exec env -0`],
    zsh: (file) => ['zsh', '-f', '-c', `. ${file}.sh; exec env -0`],
    fish: (file) => ['fish', '--no-config', '-c', `source ${file}.fish; exec env -0`],
  };

  for (const [shell, words] of Object.entries(shells)) {
    for (const locale of ['C', 'C.UTF-8']) {
      it(`brings every byte through ${shell} in the locale ${locale}`, () => {
        fc.assert(
          fc.property(fc.array(value, {minLength: 50, maxLength: 100}), (values) => {
            const variables = write(values);
            const seen = seenBy(words(join(folder, 'environment')), locale);
            for (const each of variables) {
              expect(seen.get(each.name), each.name).to.equal(Buffer.from(each.value).toString('latin1'));
            }
          }),
          {numRuns: 2, examples: [[[...hard]]]},
        );
      });
    }
  }

  it('has a file with one export for each variable', () => {
    write([Buffer.from('one'), everyByte]);
    const seen = seenBy(['sh', '-c', `. ${folder}/variables/V1_.sh; exec env -0`], 'C');
    expect([...seen]).to.deep.equal([['V1_', everyByte.toString('latin1')]]);
  });

  it('is the same in JSON, with base64 for what is no text', () => {
    fc.assert(
      fc.property(fc.array(value, {maxLength: 5}), (values) => {
        write(values);
        const json = readFileSync(join(folder, 'environment.json'));
        const isBase64 = (JSON.parse(json.toString()) as object[]).map((each) => 'base64' in each);
        expect(isBase64).to.deep.equal(values.map((each) => !isUtf8(each)));
        const bytes = parseEnvironment(json).map(({value}) => Buffer.from(value));
        expect(bytes.map((each) => each.toString('hex'))).to.deep.equal(values.map((each) => each.toString('hex')));
      }),
    );
  });
});
