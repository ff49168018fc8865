// `npm run architecture`: draws the rooms of src/ and the table of processes into docs/ARCHITECTURE.md; `--check` only
// compares. Neither accepts a circle in src/. A test compares the table with the processes of an open vault.
import {readFileSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {format} from 'prettier';
import {findCircles} from './architecture/circles.ts';
import {closureOf} from './architecture/closure.ts';
import {type Import, readImports} from './architecture/imports.ts';
import {lasting, passing, type ProcessRow} from './architecture/processes.ts';
import {drawRooms, roomsOf} from './architecture/rooms.ts';
import {root} from './setup.js';
import {endWith, SetUpError} from './terminal.js';

const path = join(root, 'docs', 'ARCHITECTURE.md');

await endWith(async () => {
  const imports = await readImports();
  refuseCircles(imports);
  const page = readFileSync(path, 'utf8');
  const drawn = fill(fill(page, 'rooms', drawRooms(roomsOf(imports))), 'processes', tables());
  const options = {...(await import('prettier').then(({resolveConfig}) => resolveConfig(path))), parser: 'markdown'};
  const written = await format(drawn, options);
  if (process.argv.includes('--check')) {
    if (written === page) return 0;
    throw new SetUpError(65, 'docs/ARCHITECTURE.md is out of date. Type: npm run architecture');
  }
  writeFileSync(path, written);
  return 0;
});

function refuseCircles(imports: readonly Import[]): void {
  const circles = findCircles(imports);
  if (circles.length === 0) return;
  const lines = circles.flatMap((circle) => [
    `In ${circle.directory}, these import each other in a circle: ${circle.members.join(', ')}`,
    ...circle.imports.map(([from, to]) => `  ${from} → ${to}`),
  ]);
  throw new SetUpError(65, lines.join('\n'));
}

/** Replaces what stands between `<!-- NAME -->` and `<!-- end of NAME -->`. */
function fill(page: string, name: string, content: string): string {
  const [begin, end] = [`<!-- ${name} -->`, `<!-- end of ${name} -->`];
  const [before, rest] = page.split(begin);
  const after = rest?.split(end)[1];
  if (before === undefined || after === undefined) throw new SetUpError(65, `${path} has no place for the ${name}.`);
  return [before, begin, '\n\n', content, '\n\n', end, after].join('');
}

function tables(): string {
  return [
    'For as long as the vault is open:\n',
    table(lasting),
    '\nFor a moment, or instead of the kernel:\n',
    table(passing),
  ].join('\n');
}

function table(rows: readonly ProcessRow[]): string {
  const head = ['process', 'user', 'capabilities', 'namespaces of its own', 'reaches', 'lines of ours, at most'];
  const lines = [head, head.map(() => '---'), ...rows.map(cells)];
  return lines.map((line) => `| ${line.join(' | ')} |`).join('\n');
}

function cells({role, what, uid, capabilities, canGain, apart, reaches, entries}: ProcessRow): string[] {
  const powers = canGain ? capabilities : `${capabilities}, for good`;
  const lines = entries === undefined ? 'none' : about(closureOf(entries).lines);
  return [`${role}: ${what}`, uid, powers, apart.join(', ') || 'none', reaches, lines];
}

/** To the next hundred: the page need not change with every line. */
function about(lines: number): string {
  return (Math.ceil(lines / 100) * 100).toLocaleString('en');
}
