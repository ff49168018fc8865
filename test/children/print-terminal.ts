/** Prints what this process finds out about its terminal, as JSON, into the file of its first argument. */
import {writeFileSync} from 'node:fs';
import {run} from '../../src/kernel/program.ts';
import {restoreTerminal, saveTerminal, standardTerminal, terminalOf} from '../../src/kernel/terminal.ts';

const saved = await saveTerminal(1);
await run('stty', ['-echo', '-icanon'], {stdin: 1});
const changed = await saveTerminal(1);
const restored = await restoreTerminal(1, saved);
writeFileSync(
  process.argv[2]!,
  JSON.stringify({
    input: terminalOf(0),
    output: terminalOf(1),
    standard: standardTerminal(),
    changed: changed !== saved,
    refused: !(await restoreTerminal(1, 'raw')) && !(await restoreTerminal(1, '--all')),
    restored: restored && (await saveTerminal(1)) === saved,
  }),
);
