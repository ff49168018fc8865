// `npm run test:power-cut`: fifty cuts, or as many as the argument says. The last line is "N cuts, N leaks, N losses".
import {buildWhenStale} from '../../scripts/build.js';
import {PowerCuts} from './power-cuts.ts';

const wanted = Number(process.argv[2] ?? 50);
buildWhenStale();
const power = new PowerCuts();
let cuts = -1;
let losses = 0;
let leaks = 0;
for await (const {engine, acknowledged, lost, left} of power.cuts(wanted)) {
  cuts += 1;
  losses += lost.length;
  leaks += left.length;
  process.stdout.write(
    `  ${lost.length + left.length === 0 ? '✔' : '✘'} ${engine} acknowledged ${acknowledged} records\n`,
  );
  for (const record of lost) process.stdout.write(`      lost: ${record}\n`);
  for (const file of left) process.stdout.write(`      left: ${file}\n`);
}
power.close();
process.stdout.write(`\n${power.records} records, ${power.lostBytes} bytes taken from the cache of the disk\n`);
process.stdout.write(`${cuts} cuts, ${leaks} leaks, ${losses} losses\n`);
process.exit(losses + leaks > 0 ? 1 : 0);
