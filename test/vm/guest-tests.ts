import {spawnSync} from 'node:child_process';
import {join} from 'node:path';
import {projectNode, root} from '../../scripts/setup.js';
import {install} from '../bed/install.ts';
import {sampleEnvironment} from '../../scripts/sample.js';
import {skip} from '../skip.ts';
import type {TestLine} from './line-reporter.ts';
import {whyNoMachine, type Started} from './machine.ts';
import {sharedMachine} from './shared-machine.ts';

export type GuestTestOptions = {
  /** Added to the environment of the tests. */
  readonly environment?: Readonly<Record<string, string>>;
  /** The tests use the product through `test/bed`: give them the copy of this run, which takes minutes to make there. */
  readonly product?: boolean;
  /** Of the tests in the files, those whose full titles match. Default all. */
  readonly only?: RegExp;
  /** For all of them together. Default ten minutes: many times what they take on a quiet machine. */
  readonly timeoutMs?: number;
};

/**
 * Defines the tests of some files as tests of this run, and runs them in the virtual machine. The files are ordinary
 * tests: those of the host can be given too, and run there as they run here, on another kernel.
 *
 * @param title of the suite that they come in
 * @param files paths from the checkout's directory
 */
export function describeInMachine(title: string, files: readonly string[], options: GuestTestOptions = {}): void {
  const {environment = {}, product = false, only = /./, timeoutMs = 600_000} = options;
  const words = ['--grep', only.source, ...files];
  const tests = listTests(words, environment);

  describe(title, function () {
    this.timeout(timeoutMs);
    let running: Started;

    before(async function () {
      const reason = whyNoMachine();
      if (reason !== undefined) skip(this, reason);
      const copy = product ? {TAZPOD_TEST_INSTALL: install().folder} : {};
      const machine = await sharedMachine();
      running = machine.start(script(words, {...environment, ...copy}), {timeoutMs});
    });

    for (const titles of tests) {
      nest(titles.slice(0, -1), () => {
        it(titles.at(-1)!, async function () {
          const line = await resultOf(running, titles);
          if (line.state === 'skipped') skip(this, `in the virtual machine: ${line.said ?? ''}`);
          if (line.state === 'failed') throw failed(line.said ?? '');
        });
      });
    }
  });
}

/** Suites of one name in one suite are one for the reader, if they follow each other. */
function nest(titles: readonly string[], define: () => void): void {
  const [first, ...rest] = titles;
  if (first === undefined) define();
  else describe(first, () => nest(rest, define));
}

/** What a program of Node's has compiled is kept for the next: in software emulation that is most of its start. */
const defaults = {
  NODE_COMPILE_CACHE: '/scratch/.compiled',
  TAZPOD_TEST_PATIENCE_MS: '120000',
  ...sampleEnvironment,
  TMPDIR: '/scratch',
};

const mocha = 'node_modules/mocha/bin/mocha.js';
const reporter = 'test/vm/line-reporter.ts';

/** Which tests there are, without running any. */
function listTests(words: readonly string[], environment: Readonly<Record<string, string>>): (readonly string[])[] {
  const args = [join(root, mocha), '--dry-run', '--reporter', reporter, ...words];
  const {stdout, stderr, status} = spawnSync(projectNode(), args, {
    cwd: root,
    encoding: 'utf8',
    env: {...process.env, ...environment},
  });
  if (status !== 0) throw new Error(`The tests of ${words.join(' ')} cannot be listed: ${stderr}${stdout}`);
  return linesOf(stdout).map(({titles}) => titles);
}

function script(words: readonly string[], environment: Readonly<Record<string, string>>): string {
  const variables = Object.entries({...defaults, ...environment}).map(([name, value]) => `${name}='${value}'`);
  const quoted = words.map((word) => `'${word}'`);
  return `cd '${root}' && exec env ${variables.join(' ')} '${projectNode()}' ${mocha} --reporter ${reporter} ${quoted.join(' ')}`;
}

/** Waits for the line of one test. Lines come in the order of the tests, but a failed hook takes tests away. */
async function resultOf(running: Started, titles: readonly string[]): Promise<TestLine> {
  const key = JSON.stringify(titles);
  const find = (output: string): TestLine | undefined =>
    linesOf(output).find((line) => JSON.stringify(line.titles) === key);
  await running.until((output) => find(output) !== undefined);
  const line = find(running.stdout());
  if (line !== undefined) return line;
  const {code, stderr} = await running.ended;
  const lost = linesOf(running.stdout()).filter(({titles: [...path]}) => path.at(-1)!.includes('" hook'));
  const why = lost.map(({said}) => said ?? '').join('\n');
  throw failed(`The test was not run. The run in the virtual machine ended with ${code}.\n${why}\n${stderr}`);
}

/** An error that says what one of the other side said. */
function failed(said: string): Error {
  const [message = ''] = said.split('\n');
  const error = new Error(message);
  error.stack = said;
  return error;
}

function linesOf(output: string): TestLine[] {
  return output
    .split('\n')
    .slice(0, -1)
    .flatMap((line) => (line.startsWith('{"titles":') ? [JSON.parse(line) as TestLine] : []));
}
