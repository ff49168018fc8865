/**
 * The one way in which the scripts speak: short lines on standard error, for standard output is the program's.
 *
 * @param {string} line
 */
export function say(line) {
  process.stderr.write(`${line}\n`);
}

/** Why set-up or a build cannot go on, with the exit code that says so. */
export class SetUpError extends Error {
  /**
   * @param {number} code sysexits.h: 69 something is missing, 70 a step failed
   * @param {string} message one line, or a line and the output of what failed
   */
  constructor(code, message) {
    super(message);
    this.code = code;
  }
}

/**
 * Runs `main` and ends the process with its code, or with that of the SetUpError it threw.
 *
 * @param {() => number | Promise<number | void>} main
 */
export async function endWith(main) {
  try {
    process.exitCode = (await main()) ?? 0;
  } catch (error) {
    if (!(error instanceof SetUpError)) throw error;
    say(error.message);
    process.exitCode = error.code;
  }
}
