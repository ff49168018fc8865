import {constants} from 'node:os';
import {resolve} from 'node:path';
import type {BackendContext} from 'tazpod/contract';
import {runProgram as run} from '../../../plugin-kit/program.ts';
import {cancelled, notStarted, timedOut, tooMuchOutput} from './failures.ts';

/** More than any folder of secrets has; a program that does not stop printing is stopped. */
const outputLimitBytes = 64 * 1024 * 1024;

/**
 * Runs a program in the project's folder, with the user's environment and one line on standard input. Its standard
 * error is the user's, so that it can ask and explain; its standard output is kept from everybody.
 *
 * A word with a slash is a path from the project's folder; another one is looked up in PATH.
 */
export async function runProgram(
  words: readonly string[],
  input: Buffer,
  {environment, projectFolder, timeoutMs, signal, name}: BackendContext,
): Promise<{code: number; stdout: Buffer}> {
  const [first, ...args] = words;
  const program = first!.includes('/') ? resolve(projectFolder, first!) : first!;
  const answer = await run({
    words: [program, ...args],
    environment,
    folder: projectFolder,
    input,
    stderr: 'user',
    outputLimitBytes,
    timeoutMs,
    signal,
  });
  if (answer.end === 'not started') throw notStarted(first!, answer.code);
  if (answer.end === 'late') throw timedOut(name, timeoutMs);
  if (answer.end === 'large') throw tooMuchOutput(name);
  if (answer.end === 'cancelled') throw cancelled(name);
  return {code: answer.code ?? 128 + constants.signals[answer.signal!], stdout: answer.stdout};
}
