import {writeSync} from 'node:fs';
import {inspect} from 'node:util';
import Mocha from 'mocha';
import {reasonOf} from '../skip.ts';

/** One test's end, a line of JSON on standard output. */
export type TestLine = {
  /** The names of the suites that it is in, and its own. */
  readonly titles: readonly string[];
  readonly state: 'passed' | 'failed' | 'skipped';
  /** What it threw, or the reason why it was skipped. */
  readonly said?: string;
};

/** Reports how each test ended, as soon as it has. */
export default class LineReporter extends Mocha.reporters.Base {
  constructor(runner: Mocha.Runner, options: Mocha.MochaOptions) {
    super(runner, options);
    const tell = (test: Mocha.Runnable, state: TestLine['state'], said?: string): void => {
      const line: TestLine = {titles: test.titlePath(), state, ...(said === undefined ? {} : {said})};
      writeSync(1, `${JSON.stringify(line)}\n`);
    };
    runner.on('pass', (test) => tell(test, 'passed'));
    runner.on('pending', (test) => tell(test, 'skipped', reasonOf(test)));
    runner.on('fail', (test, error: Error & {expected?: unknown; actual?: unknown}) => {
      const values = 'expected' in error ? `\n${JSON.stringify({expected: error.expected, actual: error.actual})}` : '';
      const cause = error.cause === undefined ? '' : `\nbecause: ${inspect(error.cause)}`;
      tell(test, 'failed', `${error.stack ?? String(error)}${cause}${values}`);
    });
  }
}
