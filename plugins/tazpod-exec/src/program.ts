import {spawn} from 'node:child_process';
import {constants} from 'node:os';
import {resolve} from 'node:path';
import type {BackendContext} from 'tazpod/contract';
import {notStarted, timedOut, tooMuchOutput} from './failures.ts';

/** More than any folder of secrets has; a program that does not stop printing is stopped. */
const outputLimitBytes = 64 * 1024 * 1024;

/**
 * Runs a program in the project's folder, with the user's environment and one line on standard input. Its standard
 * error is the user's, so that it can ask and explain; its standard output is kept from everybody.
 *
 * A word with a slash is a path from the project's folder; another one is looked up in PATH. No shell is between.
 */
export async function runProgram(
  words: readonly string[],
  input: Buffer,
  {environment, projectFolder, timeoutMs, signal, name}: BackendContext,
): Promise<{code: number; stdout: Buffer}> {
  const [first, ...args] = words;
  const program = first!.includes('/') ? resolve(projectFolder, first!) : first!;
  // A group of its own: what the program has started ends with it.
  const child = spawn(program, args, {
    cwd: projectFolder,
    env: environment,
    detached: true,
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const end = () => {
    try {
      process.kill(-child.pid!, 'SIGKILL');
    } catch {
      // It has ended, or never began.
    }
  };
  const chunks: Buffer[] = [];
  let size = 0;
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    end();
  }, timeoutMs);
  signal.addEventListener('abort', end, {once: true});
  try {
    return await new Promise((fulfil, reject) => {
      child.on('error', (error: NodeJS.ErrnoException) => reject(notStarted(first!, error)));
      child.stdin.on('error', () => {
        // Whether it reads its input is its own affair.
      });
      child.stdin.end(input);
      child.stdout.on('data', (chunk: Buffer) => {
        chunks.push(chunk);
        size += chunk.length;
        if (size > outputLimitBytes) end();
      });
      child.on('close', (code, by) => {
        if (late) {
          reject(timedOut(name, timeoutMs));
        } else if (size > outputLimitBytes) {
          reject(tooMuchOutput(name));
        } else fulfil({code: code ?? 128 + constants.signals[by!], stdout: Buffer.concat(chunks)});
      });
    });
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', end);
    for (const chunk of chunks) chunk.fill(0);
  }
}
