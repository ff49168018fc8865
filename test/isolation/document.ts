// `npm run isolation` writes docs/isolation.md from the rows of the tests; with `--print` it goes to standard output.
import {readdirSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {fileURLToPath} from 'node:url';
import Mocha from 'mocha';
import {allGroups, type Group, type Line} from './matrix.ts';

const folder = fileURLToPath(new URL('.', import.meta.url));

/** The page, relative to the checkout. */
export const page = 'docs/isolation.md';

const introduction = `# What was tried, and what came of it

This page is made of the rows of the tests in \`test/isolation\`, by \`npm run isolation\`; a test keeps it so.

Each row is an attack by a process of your own user, outside, on a **sealed** session and on the processes that keep it, or
by the session itself, outwards. \`npm test\` plays every one of them, and fails when one does not come out as it stands
here. An attack that fails proves little: perhaps it was only clumsy. So each has a control, in which the same code attacks
something that lacks the one defence, and must get through. Where no control can exist, the row says why.

What a process of yours can do all the same stands [at the end](#what-is-not-kept-from-it), each with its reason.
[SECURITY.md](SECURITY.md) says what follows from that.

The node of a mapping of the \`dm-crypt\` engine is tried where there is a device-mapper: \`test/vm/dm-crypt-engine.test.ts\`.
`;

if (import.meta.main) {
  const text = await render();
  if (process.argv.includes('--print')) process.stdout.write(text);
  else writeFileSync(join(folder, '../..', page), text);
  process.exit(0);
}

/** The text of the page, of the rows that the test files have. */
async function render(): Promise<string> {
  const chapters: string[] = [];
  const [refused, accepted]: [Line[], Line[]] = [[], []];
  for (const name of readdirSync(folder).filter((each) => each.endsWith('.test.ts'))) {
    for (const {title, rows} of await groupsOf(join(folder, name))) {
      const held = rows.filter(({expected}) => expected === 'refused');
      if (held.length > 0) chapters.push(chapter(title, name, held));
      refused.push(...held);
      accepted.push(...rows.filter(({expected}) => expected === 'succeeds'));
    }
  }
  return [
    introduction,
    `${refused.length} attacks get nothing; ${accepted.length} things are not kept from a process of yours.\n`,
    ...chapters,
    '## What is not kept from it\n',
    ...table(
      ['what a process of your own can do', 'because'],
      accepted.map(({attack, because = ''}) => [attack, because]),
    ),
  ].join('\n');
}

/** Loads a test file, whose rows register themselves, and runs nothing of it. */
async function groupsOf(path: string): Promise<readonly Group[]> {
  const known = allGroups().length;
  const mocha = new Mocha();
  mocha.suite.emit(Mocha.Suite.constants.EVENT_FILE_PRE_REQUIRE, globalThis, path, mocha);
  await import(path);
  return allGroups().slice(known);
}

function chapter(title: string, name: string, lines: readonly Line[]): string {
  const rows = lines.map(({attack, controlled, without}) => [
    attack,
    'nothing',
    controlled ? `gets through without ${without}` : without,
  ]);
  return [`## ${title}\n`, `In \`test/isolation/${name}\`.\n`, ...table(['attack', 'gets', 'control'], rows)].join(
    '\n',
  );
}

function table(heads: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const line = (cells: readonly string[]) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(heads), line(heads.map(() => '---')), ...rows.map(line), ''];
}
