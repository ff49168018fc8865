// What the fuse engine costs, as ratios: to ext4 without encryption, and to gocryptfs where it is installed. All are
// measured in one run, in turns, and each figure is the median of the rounds. As root:
//   node bench/engine.ts [ROUNDS]
import {spawnSync} from 'node:child_process';
import {mkdirSync, mkdtempSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {fileURLToPath} from 'node:url';
import {gocryptfs, plain, tazpodByFuse2fs, tazpodByKernel, type Contender} from './contenders.ts';
import {workloads, type Workload} from './workloads.ts';

const inNamespace = '--in-a-mount-namespace';

/** Rates, by contender and workload. */
type Figures = Map<Contender, Map<Workload, number[]>>;

if (process.argv[3] === inNamespace) {
  await main(Number(process.argv[2]), process.argv[4]!);
} else {
  const root = mkdtempSync(join(tmpdir(), 'tazpod-bench-'));
  const self = [process.execPath, fileURLToPath(import.meta.url), process.argv[2] ?? '3', inNamespace, root];
  // Whatever happens, the machine keeps no mount of this, and nothing of it is in the way of the directory's removal.
  process.exitCode =
    spawnSync('unshare', ['--mount', '--propagation', 'private', ...self], {stdio: 'inherit'}).status ?? 1;
  rmSync(root, {recursive: true});
}

async function main(rounds: number, root: string): Promise<void> {
  const contenders = [plain, gocryptfs(), tazpodByKernel, tazpodByFuse2fs].filter((one) => one !== undefined);
  const figures: Figures = new Map(
    contenders.map((one) => [one, new Map(workloads.map((workload) => [workload, []]))]),
  );
  for (let round = 0; round < rounds; round++) {
    for (const [index, contender] of contenders.entries()) {
      // Not by its name: a comma in a path would separate options of mount(8).
      await measure(contender, join(root, `${round}-${index}`), figures);
    }
  }
  print(contenders, figures);
}

async function measure(contender: Contender, folder: string, figures: Figures): Promise<void> {
  mkdirSync(folder, {recursive: true});
  await contender.create(folder);
  let mounted = await contender.mount(folder);
  for (const workload of workloads) {
    if (workload.cold === true) {
      await contender.unmount(folder);
      mounted = await contender.mount(folder);
    }
    const work = join(mounted, 'work');
    mkdirSync(work, {recursive: true});
    const startedMs = performance.now();
    const done = workload.run(work);
    figures
      .get(contender)!
      .get(workload)!
      .push((done / (performance.now() - startedMs)) * 1000);
  }
  await contender.unmount(folder);
  rmSync(folder, {recursive: true});
}

function print(contenders: readonly Contender[], figures: Figures): void {
  const rate = (contender: Contender, workload: Workload): number => median(figures.get(contender)!.get(workload)!);
  const peer = contenders.find(({name}) => name === 'gocryptfs');
  for (const workload of workloads) {
    process.stdout.write(`\n${workload.name} (${workload.unit})\n`);
    for (const contender of contenders) {
      const mine = rate(contender, workload);
      const ratios = [plain, peer].flatMap((other) =>
        other === undefined || other === contender
          ? []
          : [`${(mine / rate(other, workload)).toFixed(2)} × ${other.name}`],
      );
      process.stdout.write(`  ${contender.name.padEnd(22)} ${mine.toFixed(0).padStart(7)}   ${ratios.join('   ')}\n`);
    }
  }
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!;
}
