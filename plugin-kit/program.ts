import {finished} from 'node:stream/promises';
import {execa} from 'execa';

/** A program without a shell around it, and what it may cost. */
export type ProgramRequest = {
  /** The first is a path, or looked up in PATH. */
  readonly words: readonly [program: string, ...args: string[]];
  /** All that it gets. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly folder?: string;
  /** What it reads; the terminal of the user, or nothing. */
  readonly input: Uint8Array | 'terminal' | 'nothing';
  /** Where standard error goes: to the user, or into the answer. */
  readonly stderr: 'user' | 'answer';
  readonly outputLimitBytes: number;
  /** Absent for what asks its user, however long that takes. */
  readonly timeoutMs?: number;
  readonly signal: AbortSignal;
};

export type ProgramEnd =
  /** The caller wipes `stdout`. One that something killed has a signal and no code. */
  | {
      readonly end: 'exit';
      readonly code: number | undefined;
      readonly signal: NodeJS.Signals | undefined;
      readonly stdout: Buffer;
      readonly stderr: string;
    }
  | {readonly end: 'late'}
  | {readonly end: 'cancelled'}
  | {readonly end: 'large'}
  | {readonly end: 'not started'; readonly code: string | undefined};

/** Of standard error, so many characters are kept. */
const stderrLimit = 64 * 1024;

/**
 * Runs a program to its end. It has a process group of its own: if it takes too long, prints too much, or nobody waits
 * for it, everything of that group is killed. What it has printed is bytes, of which no copy stays behind.
 */
export async function runProgram(request: ProgramRequest): Promise<ProgramEnd> {
  const {words, environment, folder, input, outputLimitBytes, timeoutMs, signal} = request;
  const [program, ...args] = words;
  const child = execa(program, args, {
    ...(folder === undefined ? {} : {cwd: folder}),
    ...(timeoutMs === undefined ? {} : {timeout: timeoutMs}),
    ...(typeof input === 'string' ? {stdin: input === 'terminal' ? 'inherit' : 'ignore'} : {input}),
    stdout: 'pipe',
    stderr: request.stderr === 'user' ? 'inherit' : 'pipe',
    env: environment,
    extendEnv: false,
    // execa would keep copies of what it has read.
    buffer: false,
    cancelSignal: signal,
    killDescendants: true,
    killSignal: 'SIGKILL',
    reject: false,
  });
  const chunks: Buffer[] = [];
  let sizeBytes = 0;
  let stderr = '';
  child.stdout.on('data', (chunk: Buffer) => {
    chunks.push(chunk);
    sizeBytes += chunk.length;
    if (sizeBytes > outputLimitBytes) child.kill();
  });
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    if (stderr.length < stderrLimit) stderr += text;
  });
  const read = finished(child.stdout).catch(() => {});
  try {
    const {exitCode: code, signal: by, isTerminated, timedOut, isCanceled, code: errorCode} = await child;
    await read;
    if (timedOut) return {end: 'late'};
    if (isCanceled) return {end: 'cancelled'};
    if (sizeBytes > outputLimitBytes) return {end: 'large'};
    if (code === undefined && !isTerminated) return {end: 'not started', code: errorCode};
    return {end: 'exit', code, signal: by, stdout: Buffer.concat(chunks), stderr};
  } finally {
    for (const chunk of chunks) chunk.fill(0);
  }
}
