import {spawn} from 'node:child_process';
import type {BackendContext} from 'tazpod/contract';
import {cancelled, cannotBeRun, fileTooLarge, timedOut} from './failures.ts';

export type Ended = {
  /** Null when it was killed. */
  readonly code: number | null;
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
 * Runs `pass` or `gpg`, by name from the user's PATH, to its end. Everything that it has started is killed when it takes
 * too long or nobody waits for it; an agent of gpg that it may have started is not of its group, and stays.
 */
export async function run(
  context: BackendContext,
  program: 'pass' | 'gpg',
  args: readonly string[],
  {store, gpgOptions, timeoutMs}: RunOptions,
): Promise<Ended> {
  const child = spawn(program, args, {
    env: {
      ...Object.fromEntries(Object.entries(context.environment).filter(([name]) => passedOn.test(name))),
      LC_ALL: 'C.UTF-8',
      PASSWORD_STORE_DIR: store,
      PASSWORD_STORE_GPG_OPTS: `${context.environment['PASSWORD_STORE_GPG_OPTS'] ?? ''} ${gpgOptions}`.trim(),
    },
    detached: true,
    // pass looks there for the terminal that it names to gpg, and gpg to pinentry.
    stdio: [timeoutMs === undefined ? 'inherit' : 'ignore', 'pipe', 'pipe'],
  });
  const chunks: Buffer[] = [];
  let sizeBytes = 0;
  let stderr = '';
  let end: 'late' | 'abandoned' | 'large' | undefined;
  const kill = (reason: typeof end) => {
    end ??= reason;
    try {
      process.kill(-child.pid!, 'SIGKILL');
    } catch {
      // It has ended in this moment.
    }
  };
  child.stdout.on('data', (chunk: Buffer) => {
    sizeBytes += chunk.length;
    if (sizeBytes > maximumOutputBytes) kill('large');
    else chunks.push(chunk);
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    if (stderr.length < 64 * 1024) stderr += text;
  });
  const timer = timeoutMs === undefined ? undefined : setTimeout(() => kill('late'), timeoutMs);
  const abandon = () => kill('abandoned');
  context.signal.addEventListener('abort', abandon, {once: true});
  try {
    if (context.signal.aborted) abandon();
    const code = await new Promise<number | null>((resolve, reject) => {
      child.once('error', (error: NodeJS.ErrnoException) => reject(cannotBeRun(program, error)));
      child.once('close', resolve);
    });
    if (end === 'late') {
      throw timedOut(program, timeoutMs!);
    }
    if (end === 'abandoned') throw cancelled(program);
    if (end === 'large') throw fileTooLarge();
    return {code, stdout: Buffer.concat(chunks), stderr};
  } finally {
    clearTimeout(timer);
    context.signal.removeEventListener('abort', abandon);
    for (const chunk of chunks) chunk.fill(0);
  }
}
