import {writeFileSync} from 'node:fs';
import {relative} from 'node:path';
import Mocha from 'mocha';
import {reasonOf} from '../test/skip.ts';

/** What `npm test` learns of a run of the tests. */
export type Summary = {
  readonly passed: number;
  readonly failed: number;
  /** Each skipped test, with the reason it gave. */
  readonly skipped: readonly string[];
};

/** The words of a summary: the last line of every run. */
export function lastLine(summary: Summary): string {
  const {failed, passed, skipped} = summary;
  return `${passed} passed, ${failed} failed${skipped.length === 0 ? '' : `, ${skipped.length} skipped`}`;
}

/**
 * Mocha's list of tests, each failure with its difference, each skip with its reason. The summary goes to the file
 * of the reporter option `summary`, or else is the last line.
 */
export default class Reporter extends Mocha.reporters.Spec {
  readonly #skipped: string[] = [];
  readonly #summaryPath: string | undefined;

  constructor(runner: Mocha.Runner, options: Mocha.MochaOptions) {
    super(runner, options);
    const {summary} = (options.reporterOptions ?? {}) as {summary?: string};
    this.#summaryPath = summary;
    runner.on('pending', (test) => {
      const file = test.file === undefined ? '' : `${relative(process.cwd(), test.file)}: `;
      this.#skipped.push(`${file}${test.fullTitle()} (${reasonOf(test)})`);
    });
  }

  override epilogue(): void {
    if (this.failures.length > 0) Mocha.reporters.Base.list(this.failures);
    for (const test of this.#skipped) process.stdout.write(`skipped: ${test}\n`);
    const summary = {passed: this.stats.passes, failed: this.stats.failures, skipped: this.#skipped};
    if (this.#summaryPath === undefined) process.stdout.write(`${lastLine(summary)}\n`);
    else writeFileSync(this.#summaryPath, JSON.stringify(summary));
  }
}
