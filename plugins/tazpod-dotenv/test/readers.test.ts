import {expect} from 'chai';
import fc from 'fast-check';
import {parseDotenv, ParseError} from '../src/parse.ts';
import {names, readWithAll, type Seen} from './real-readers.ts';

/** Which real readers stand for a name of the setting `readers`. compose has none that is packaged. */
const standFor: Readonly<Record<string, 'dotenv' | 'node' | 'python' | 'shell'>> = {
  dotenv: 'dotenv',
  node: 'node',
  python: 'python',
  bash: 'shell',
  dash: 'shell',
  zsh: 'shell',
};

/** Texts with everything in them that some reader has an opinion about. */
const piece = fc.constantFrom(
  ...['a', 'Z9', '-', '_', '/', '.', ',', '@', '%', '+', ':', '=', '?', '*', '[', ']', '{', '}', '!', '^', '~'],
  ...['#', ' ', '  ', '\t', ' #', '$', '$A', '${A}', '\\', '\\n', '\\\\', '"', "'", '`', ';', '&', '|', '<', '(', ')'],
  ...['é', '\u00a0', '\u2028', '\u0085', '\r', '\v'],
);
const text = fc.array(piece, {maxLength: 5}).map((pieces) => pieces.join(''));
const quoted = fc
  .tuple(fc.constantFrom("'", '"', '`'), fc.array(fc.oneof(piece, fc.constant('\n')), {maxLength: 5}))
  .map(([quote, pieces]) => `${quote}${pieces.join('').replaceAll(quote, '')}${quote}`);
const line = fc
  .tuple(
    fc.constantFrom('', '', '', ' ', 'export ', 'export'),
    fc.constantFrom(...names),
    fc.constantFrom('=', '=', '=', '=', ' = ', '= ', ': ', ':'),
    fc.oneof(text, quoted),
    fc.constantFrom('', '', ' ', ' # it\'s a "comment"', '# comment'),
  )
  .map((parts) => parts.join(''));
const file = fc
  .tuple(
    fc.array(fc.oneof(line, line, line, fc.constantFrom('', '# c', '  # it\'s "c"'))),
    fc.constantFrom('\n', '\n', '\r\n'),
  )
  .map(([lines, end]) => Buffer.from(lines.map((each) => `${each}${end}`).join('')));

describe('The readers of .env files', () => {
  /** Files that no rule doubts for the readers in question. */
  function certainFiles(count: number, readers?: Parameters<typeof parseDotenv>[1]): [Buffer, Seen][] {
    const files: [Buffer, Seen][] = [];
    for (const bytes of fc.sample(file, count)) {
      try {
        const {assignments, doubts} = parseDotenv(bytes, readers);
        if (doubts.length > 0 || assignments.length === 0) continue;
        files.push([bytes, Object.fromEntries(assignments.map(({name, value}) => [name, value.toString('hex')]))]);
      } catch (error) {
        if (!(error instanceof ParseError)) throw error;
      }
    }
    return files;
  }

  /** Holds what real readers see against what the vault gets. */
  function compare(files: readonly [Buffer, Seen][], readers: readonly string[]): void {
    const seen = readWithAll(files.map(([bytes]) => bytes));
    for (const [reader, answers] of Object.entries(seen)) {
      if (!readers.includes(standFor[reader]!)) continue;
      const isShell = standFor[reader] === 'shell';
      for (const [index, [bytes, values]] of files.entries()) {
        // A shell keeps the CR at the end of a line, which nobody wants, and was asked for these names only.
        if (isShell && bytes.includes('\r')) continue;
        const named = Object.entries(values!).filter(
          ([name]) => !isShell || (names as readonly string[]).includes(name),
        );
        const wanted = Object.fromEntries(named);
        expect(answers[index], `${reader}: ${JSON.stringify(bytes.toString())}`).to.deep.equal(wanted);
      }
    }
  }

  it('all see what the vault gets, in every file that is not in doubt', function () {
    this.timeout(120_000);
    const files = certainFiles(Number(process.env['N'] ?? 4000));
    expect(files.length).to.be.greaterThan(50);
    compare(files, Object.values(standFor));
  });

  it('see what the vault gets, if the settings name them, in every file that is not in doubt for them', function () {
    this.timeout(120_000);
    for (const chosen of [['dotenv', 'node'], ['python', 'dotenv'], ['shell']] as const) {
      const files = certainFiles(300, chosen);
      expect(files.length).to.be.greaterThan(0);
      compare(files, chosen);
    }
  });

  // The control: what is put in doubt is read differently by real readers.
  const doubtful = [
    'A=#hunter2',
    'A=a#b',
    'A= \nC=3',
    'A= # c',
    'A=$B',
    'A=${B}',
    "A='${B}'",
    'A="${B}"',
    'A="a\\nb"',
    'A="a\\"b"',
    'A="a\\tb"',
    'A=a\\b',
    "A='a\\\\b'",
    'A=`a`',
    'A=two words',
    'A=a&B=2',
    'A = 1',
    'A: 1',
    "A=it's",
    'A={"a":1}',
    'A=~/x',
    "A='x'#c",
    'A="a\r\nb"\r\n',
    'A=a\u00a0',
    'a.b=1',
    'a-b=1',
    'A=a\vb\v',
  ];

  it('disagree about every kind of line that is put in doubt', () => {
    const files = doubtful.map((each) => Buffer.from(`B=2\n${each}\n`));
    const seen = readWithAll(files);
    for (const [index, each] of doubtful.entries()) {
      const answers = new Set(Object.values(seen).map((answer) => JSON.stringify(answer[index])));
      expect([...answers], each).to.have.length.greaterThan(1);
      expect(parseDotenv(files[index]!).doubts, each).to.have.length(1);
    }
  });
});
