// What TazPod's code costs when a shell starts, as ratios and as milliseconds: `bash -i -c exit` with and without it, in
// turns, outside and inside a ghost; each figure is the median of the rounds. More than 3 ms is a failure.
//   node bench/shell-start.ts [ROUNDS]
import {spawnSync} from 'node:child_process';
import {mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import type {Command} from '@oclif/core';
import bash from '../plugins/tazpod-bash/src/shell.ts';
import fish from '../plugins/tazpod-fish/src/shell.ts';
import zsh from '../plugins/tazpod-zsh/src/shell.ts';
import {typedCommands} from '../src/shell/typed-commands.ts';

const mostMs = 3;
const rounds = Number(process.argv[2] ?? 100);
const folder = mkdtempSync(join(tmpdir(), 'tazpod-bench-'));

const manifest = new URL('../oclif.manifest.json', import.meta.url);
const {commands} = JSON.parse(readFileSync(manifest, 'utf8')) as {commands: Record<string, Command.Loadable>};
const input = {
  tazpod: ['/usr/local/bin/tazpod'],
  latches: ['claude', 'codex', 'copilot', 'gemini', 'goose', 'opencode', 'qwen'].map((command) => ({
    command,
    reason: 'its memory lives in the vault',
  })),
  environmentFolder: '.tazpod/environment',
  commands: typedCommands(Object.values(commands)),
};

/** Each shell, and how it starts with one start-up file and no other. */
const shells = {
  bash: {shell: bash, args: (file: string) => ['--noprofile', '--rcfile', file, '-i', '-c', 'exit']},
  zsh: {shell: zsh, args: (file: string) => ['-f', '-i', '-c', `source ${file}; exit`]},
  fish: {shell: fish, args: (file: string) => ['--no-config', '-i', '-c', `source ${file}; exit`]},
};

try {
  mkdirSync(join(folder, '.tazpod/environment'), {recursive: true});
  for (const ending of ['sh', 'fish']) {
    const variable = ending === 'sh' ? "export TOKEN='secret'\n" : "set -gx TOKEN 'secret'\n";
    writeFileSync(join(folder, `.tazpod/environment/environment.${ending}`), variable.repeat(20));
  }
  for (const [name, {shell, args}] of Object.entries(shells)) {
    const [without, with_, snippet] = ['without', 'with', 'snippet'].map((each) => join(folder, `${each}.${name}`));
    writeFileSync(snippet!, shell.renderSnippet(input));
    writeFileSync(without!, '');
    writeFileSync(with_!, `${shell.renderSourceLine(snippet!)}\n`);
    for (const [place, environment] of [
      ['outside', {}],
      ['inside', {TAZPOD_GHOST_MODE: 'true', TAZPOD_VAULT: folder}],
    ] as const) {
      compare(
        `${name} ${place}`,
        () => start(name, args(without!), environment),
        () => start(name, args(with_!), environment),
      );
    }
  }
} finally {
  rmSync(folder, {recursive: true});
}

function compare(name: string, without: () => number, with_: () => number): void {
  const times = {without: [] as number[], with: [] as number[]};
  for (let round = -2; round < rounds; round++) {
    const [a, b] = [without(), with_()];
    // The first rounds fill the caches.
    if (round < 0) continue;
    times.without.push(a);
    times.with.push(b);
  }
  const [before, after] = [median(times.without), median(times.with)];
  const more = after - before;
  process.stdout.write(
    `${name.padEnd(14)} ${(after / before).toFixed(2)} ×   ${more.toFixed(1)} ms more (${before.toFixed(1)} → ${after.toFixed(1)})\n`,
  );
  if (more > mostMs) process.exitCode = 1;
}

function start(shell: string, args: readonly string[], environment: object): number {
  const started = performance.now();
  const env = {HOME: folder, LANG: 'C.UTF-8', PATH: '/usr/bin:/bin', TERM: 'dumb', ...environment};
  spawnSync(shell, args, {env, stdio: 'ignore'});
  return performance.now() - started;
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!;
}
