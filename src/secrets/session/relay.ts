import {constants} from 'node:os';
import type {Readable, Writable} from 'node:stream';
import {isatty} from 'node:tty';
import {execa} from 'execa';
import {quotedWord} from '../../foundation/shell-word.ts';
import {takeSignals} from '../../foundation/take-signals.ts';
import {findProgram} from '../../kernel/program.ts';
import {commandNotStarted, noScript} from '../failures.ts';
import {Redactor} from './redactor.ts';

/** After so long without output somebody may be waiting at a prompt. */
const settleMs = 60;

const forwarded = ['SIGHUP', 'SIGTERM', 'SIGUSR1', 'SIGUSR2'] as const;

/** They reach the command by the terminal itself. */
const ofKeyboard = ['SIGINT', 'SIGQUIT'] as const;

/**
 * Runs a command with values masked in what it writes, and returns its exit code, a signal as 128+N. On a terminal it
 * gets one of its own, by script(1), so that it is as interactive and as colourful as without; elsewhere its standard
 * output and error are pipes.
 */
export async function runRedacted(
  command: readonly string[],
  environment: Readonly<Record<string, string>>,
  values: readonly Uint8Array[],
): Promise<number> {
  const terminal = [0, 1, 2].every((descriptor) => isatty(descriptor));
  const [file, ...args] = terminal ? onTerminal(command) : command;
  const child = execa(file!, args, {
    stdin: 'inherit',
    stdout: 'pipe',
    stderr: terminal ? 'inherit' : 'pipe',
    buffer: false,
    encoding: 'buffer',
    reject: false,
    extendEnv: false,
    env: environment,
  });
  const stop = takeSignals([...forwarded, ...ofKeyboard], (signal) => {
    if (!ofKeyboard.some((each) => each === signal)) child.kill(signal);
  });
  const streams = [relay(child.stdout, process.stdout, values)];
  if (child.stderr !== null) streams.push(relay(child.stderr, process.stderr, values));
  try {
    const result = await child;
    await Promise.all(streams);
    if (result.exitCode !== undefined) return result.exitCode;
    if (result.signal !== undefined) return 128 + constants.signals[result.signal];
    throw commandNotStarted(result);
  } finally {
    stop();
  }
}

/** script(1) passes the command to a shell, so each word is quoted. */
function onTerminal(command: readonly string[]): string[] {
  const script = findProgram('script');
  if (script === undefined) {
    throw noScript();
  }
  const line = command.map(quotedWord).join(' ');
  return [script, '--quiet', '--return', '--flush', '--command', `exec ${line}`, '/dev/null'];
}

/** From one stream to the other, masked; no faster than it can be written. */
async function relay(from: Readable, to: Writable, values: readonly Uint8Array[]): Promise<void> {
  const redactor = new Redactor(values);
  let open = true;
  let timer: NodeJS.Timeout | undefined;
  const write = (bytes: Buffer) =>
    new Promise<void>((resolve) => {
      if (bytes.length === 0 || !open) resolve();
      else to.write(bytes, () => resolve());
    });
  to.on('error', () => {
    // Nobody reads: the command learns it as it would without us.
    open = false;
    from.destroy();
  });
  try {
    for await (const chunk of from as AsyncIterable<Buffer>) {
      clearTimeout(timer);
      await write(redactor.push(chunk));
      timer = setTimeout(() => void write(redactor.settle()), settleMs);
    }
  } catch {
    // It was closed on our side.
  } finally {
    clearTimeout(timer);
    await write(redactor.end());
  }
}
