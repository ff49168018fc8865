// `npm run processes`: writes the table of processes into docs/ARCHITECTURE.md; `--check` only compares. A test compares
// the table with the processes of an open vault.
import {readFileSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {format} from 'prettier';
import {closureOf} from './processes/closure.ts';
import {lasting, passing, type ProcessRow} from './processes/table.ts';
import {root} from './setup.js';
import {endWith, SetUpError} from './terminal.js';

const path = join(root, 'docs', 'ARCHITECTURE.md');
const [begin, end] = ['<!-- processes -->', '<!-- end of processes -->'];

await endWith(async () => {
  const page = readFileSync(path, 'utf8');
  const [before, rest] = page.split(`${begin}\n`);
  const after = rest?.split(end)[1];
  if (before === undefined || after === undefined) throw new SetUpError(65, `${path} has no place for the table.`);
  const options = {...(await import('prettier').then(({resolveConfig}) => resolveConfig(path))), parser: 'markdown'};
  const written = await format([before, `${begin}\n\n`, tables(), `\n${end}`, after].join(''), options);
  if (process.argv.includes('--check')) {
    if (written === page) return 0;
    throw new SetUpError(65, 'docs/ARCHITECTURE.md is out of date. Type: npm run processes');
  }
  writeFileSync(path, written);
  return 0;
});

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
