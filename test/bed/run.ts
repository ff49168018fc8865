import {type ChildProcess, spawn} from 'node:child_process';
import {constants} from 'node:os';
import {install} from './install.ts';
import {until} from './until.ts';
import type {BedUser} from './user.ts';

export type RunOptions = {
  /** Standard input, which is then at its end. Without it standard input is empty. */
  readonly stdin?: string | Buffer;
  /** Added to the user's own small environment; undefined takes a variable away. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Default: the user's home. */
  readonly cwd?: string;
  /** After this time everything that was started is killed, and the promise is rejected. */
  readonly timeoutMs?: number;
  /** Files of this process that the program gets as 3, 4, … */
  readonly descriptors?: readonly number[];
  /** Words before everything, which run as root: a namespace to enter, a limit to set. */
  readonly within?: readonly string[];
};

export type Ended = {
  /** The exit code, a signal as 128+N. */
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  /** Wall time. */
  readonly ms: number;
};

/** A program that runs beside the test. */
export type Background = {
  readonly pid: number;
  readonly child: ChildProcess;
  /** What it has written so far. */
  stdout(): string;
  stderr(): string;
  /** Gives it something on standard input, which stays open. */
  type(text: string): void;
  /** Waits until standard output and standard error together match, and returns the match. */
  seen(pattern: RegExp, withinMs?: number): Promise<RegExpExecArray>;
  readonly ended: Promise<Ended>;
};

const timeoutMs = 180_000;

/** The environment of a user who has just logged in. */
export function loginEnvironment(user: BedUser): Record<string, string> {
  return {
    HOME: user.home,
    LANG: 'C.UTF-8',
    LOGNAME: user.name,
    PATH: `${install().path}:/usr/local/bin:/usr/bin:/bin`,
    SHELL: '/bin/bash',
    USER: user.name,
    XDG_RUNTIME_DIR: user.runtimeFolder,
  };
}

/** Runs `tazpod ARGS` as the user, without a terminal, to its end. */
export function tazpod(user: BedUser, args: readonly string[], options: RunOptions = {}): Promise<Ended> {
  return runAs(user, ['tazpod', ...args], options);
}

/** Runs any program as the user, without a terminal, to its end. */
export async function runAs(user: BedUser, command: readonly string[], options: RunOptions = {}): Promise<Ended> {
  const background = startAs(user, command, options);
  background.child.stdin!.end(options.stdin ?? '');
  return background.ended;
}

/** Starts `tazpod ARGS` as the user, without a terminal, and does not wait. Standard input stays open. */
export function startTazpod(user: BedUser, args: readonly string[], options: RunOptions = {}): Background {
  return startAs(user, ['tazpod', ...args], options);
}

/**
 * Starts any program as the user, with the user's groups and no other, in a session of its own, so that no terminal of
 * the user who runs the tests is within its reach.
 */
export function startAs(user: BedUser, command: readonly string[], options: RunOptions = {}): Background {
  const startedMs = Date.now();
  const environment = {...loginEnvironment(user), ...options.env};
  const words = Object.entries(environment).flatMap(([name, value]) => (value === undefined ? [] : `${name}=${value}`));
  const userCommand = ['setpriv', ...asUser(user), 'env', '--ignore-environment', ...words, ...command];
  const [file, ...args] = [...(options.within ?? []), ...userCommand];
  const child = spawn(file!, args, {
    cwd: options.cwd ?? user.home,
    detached: true,
    stdio: ['pipe', 'pipe', 'pipe', ...(options.descriptors ?? [])],
  });
  let stdout = '';
  let stderr = '';
  child.stdout!.setEncoding('utf8').on('data', (chunk: string) => (stdout += chunk));
  child.stderr!.setEncoding('utf8').on('data', (chunk: string) => (stderr += chunk));
  // Whether it has read its input is its own affair.
  child.stdin!.on('error', () => {});

  const ended = new Promise<Ended>((resolve, reject) => {
    const limit = options.timeoutMs ?? timeoutMs;
    const timer = setTimeout(() => {
      endGroup(child);
      reject(new Error(`${command.join(' ')} did not end within ${limit} ms.\n${stdout}\n${stderr}`));
    }, limit);
    child.on('error', reject);
    child.on('close', (code, signal) => {
      clearTimeout(timer);
      resolve({code: code ?? 128 + constants.signals[signal!], stdout, stderr, ms: Date.now() - startedMs});
    });
  });
  // A test that does not wait for the end must not get a rejection in the middle of the next test.
  ended.catch(() => {});
  return {
    pid: child.pid!,
    child,
    stdout: () => stdout,
    stderr: () => stderr,
    type: (input) => void child.stdin!.write(input),
    seen: (pattern, withinMs) =>
      until(`${command.join(' ')} writes ${pattern.source}`, () => pattern.exec(`${stdout}${stderr}`) ?? undefined, {
        ...(withinMs === undefined ? {} : {withinMs}),
        seen: () => `${stdout}\n${stderr}`,
      }),
    ended,
  };
}

/** The words of setpriv(1) that make a program the user's. */
export function asUser({uid, gid}: BedUser): string[] {
  return [`--reuid=${uid}`, `--regid=${gid}`, '--init-groups'];
}

function endGroup({pid}: ChildProcess): void {
  try {
    process.kill(-pid!, 'SIGKILL');
  } catch {
    // It ended in this moment.
  }
}
