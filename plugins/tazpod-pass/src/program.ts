import type {BackendContext} from 'tazpod/contract';
import {runProgram} from '../../../plugin-kit/program.ts';
import {cancelled, cannotBeRun, fileTooLarge, timedOut} from './failures.ts';

export type Ended = {
  /** Absent when it was killed. */
  readonly code: number | undefined;
  /** The caller wipes it. */
  readonly stdout: Buffer;
  readonly stderr: string;
};

export type RunOptions = {
  readonly store: string;
  /** Added to the options of gpg that the user has set for pass. */
  readonly gpgOptions: string;
  /** Milliseconds; absent for what asks its user, however long that takes, on the terminal that is standard input. */
  readonly timeoutMs?: number;
};

/** More than a secret is, and less than what hurts. */
const maximumOutputBytes = 16 * 1024 * 1024;

/** What pass and gpg need of the user's environment. BASH_ENV is no such thing: pass is a script of bash. */
const passedOn =
  /^(PATH|HOME|USER|LOGNAME|GNUPGHOME|GPG_TTY|GPG_AGENT_INFO|DISPLAY|WAYLAND_DISPLAY|XAUTHORITY|TERM|TMPDIR|DBUS_SESSION_BUS_ADDRESS|XDG_RUNTIME_DIR|PINENTRY_USER_DATA|PASSWORD_STORE_(KEY|SIGNING_KEY|UMASK))$/;

/**
 * Runs `pass` or `gpg`, by name from the user's PATH, to its end. An agent of gpg that it may have started is not of its
 * group, and stays if the rest is killed.
 */
export async function run(
  {environment, signal}: BackendContext,
  program: 'pass' | 'gpg',
  args: readonly string[],
  {store, gpgOptions, timeoutMs}: RunOptions,
): Promise<Ended> {
  const answer = await runProgram({
    words: [program, ...args],
    environment: {
      ...Object.fromEntries(Object.entries(environment).filter(([name]) => passedOn.test(name))),
      LC_ALL: 'C.UTF-8',
      PASSWORD_STORE_DIR: store,
      PASSWORD_STORE_GPG_OPTS: `${environment['PASSWORD_STORE_GPG_OPTS'] ?? ''} ${gpgOptions}`.trim(),
    },
    // pass looks there for the terminal that it names to gpg, and gpg to pinentry.
    input: timeoutMs === undefined ? 'terminal' : 'nothing',
    stderr: 'answer',
    outputLimitBytes: maximumOutputBytes,
    ...(timeoutMs === undefined ? {} : {timeoutMs}),
    signal,
  });
  if (answer.end === 'not started') throw cannotBeRun(program, answer.code);
  if (answer.end === 'late') throw timedOut(program, timeoutMs!);
  if (answer.end === 'cancelled') throw cancelled(program);
  if (answer.end === 'large') throw fileTooLarge();
  return answer;
}
