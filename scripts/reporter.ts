import type {ChildProcess} from 'node:child_process';
import {subscribe} from 'node:diagnostics_channel';
import {writeFileSync} from 'node:fs';
import {relative} from 'node:path';
import Mocha from 'mocha';
import {turn, whole} from './sample.js';
import {reasonOf} from '../test/skip.ts';

/** What `npm test` learns of a run of the tests. */
export type Summary = {
  readonly passed: number;
  readonly failed: number;
  /** Each skipped test, with the reason it gave. */
  readonly skipped: readonly string[];
  /** Each failed test, with the beginning of its error. */
  readonly failures: readonly string[];
  /** How long the tests of each file took, with their hooks, in seconds. */
  readonly seconds: Readonly<Record<string, number>>;
};

/** After this time what keeps the run from ending is named. */
const lingersMs = 5000;

/** Of an error, in the list of what failed: the whole of it stands above, where the test ran. */
const shownOfError = 400;

/** The words of a summary: the last line of every run. */
export function lastLine(summary: Omit<Summary, 'failures' | 'seconds'>): string {
  const {failed, passed, skipped} = summary;
  return `${passed} passed, ${failed} failed${skipped.length === 0 ? '' : `, ${skipped.length} skipped`}`;
}

/**
 * Mocha's list of tests, each failure with its difference, each skip with its reason. The summary goes to the file
 * of the reporter option `summary`, or else is the last line.
 */
export default class Reporter extends Mocha.reporters.Spec {
  readonly #skipped: string[] = [];
  readonly #failures: string[] = [];
  readonly #seconds: Record<string, number> = {};
  readonly #summaryPath: string | undefined;
  /** The programs that tests have started, each with the test that did. */
  readonly #started = new Map<ChildProcess, string>();

  constructor(runner: Mocha.Runner, options: Mocha.MochaOptions) {
    super(runner, options);
    const {summary} = (options.reporterOptions ?? {}) as {summary?: string};
    this.#summaryPath = summary;
    runner.on('pending', (test) => {
      this.#skipped.push(`${fileOf(test)}: ${test.fullTitle()} (${reasonOf(test)})`);
    });
    runner.on('fail', (test, error: Error) => {
      this.#failures.push(`${fileOf(test)}: ${test.fullTitle()}\n    ${error.message.slice(0, shownOfError)}`);
    });
    subscribe('child_process', (message) => {
      const child = (message as {process: ChildProcess}).process;
      this.#started.set(child, runner.test?.fullTitle() ?? 'no test');
      child.once('close', () => this.#started.delete(child));
    });
    if (summary !== undefined) process.prependListener('exit', () => writeFileSync(`${summary}.leaving`, ''));
    const sampled = whole ? 'everything' : `the share of TAZPOD_TEST_TURN=${turn}`;
    runner.once('start', () => process.stdout.write(`Of what there is much of, this plays ${sampled}.\n`));
    let since = Date.now();
    runner.on('test end', (test) => {
      const now = Date.now();
      this.#seconds[fileOf(test)] = (this.#seconds[fileOf(test)] ?? 0) + (now - since) / 1000;
      since = now;
    });
  }

  override epilogue(): void {
    if (this.failures.length > 0) Mocha.reporters.Base.list(this.failures);
    for (const test of this.#skipped) process.stdout.write(`skipped: ${test}\n`);
    const summary: Summary = {
      passed: this.stats.passes,
      failed: this.stats.failures,
      skipped: this.#skipped,
      failures: this.#failures,
      seconds: this.#seconds,
    };
    if (this.#summaryPath === undefined) process.stdout.write(`${lastLine(summary)}\n`);
    else writeFileSync(this.#summaryPath, JSON.stringify(summary));
    setTimeout(() => {
      const held = Object.entries(Object.groupBy(process.getActiveResourcesInfo(), (name) => name));
      const counts = held.map(([name, all]) => `${all?.length ?? 0} ${name}`).join(', ');
      process.stdout.write(`Still there after the last test: ${counts}\n`);
      for (const [{pid, spawnargs, exitCode, signalCode}, test] of this.#started) {
        const end = exitCode ?? signalCode;
        const state = end === null ? 'which runs' : `which has ended (${end}), but its output has not`;
        process.stdout.write(`  ${pid} ${spawnargs.join(' ').slice(0, shownOfError)}, ${state}: started in ${test}\n`);
      }
    }, lingersMs).unref();
  }
}

function fileOf({file}: Mocha.Runnable): string {
  return file === undefined ? 'no file' : relative(process.cwd(), file);
}
