import {constants} from 'node:os';
import {keepOutOfCoreDumps} from '../kernel/core-dump.ts';
import {programPath, traceProgramsTo} from '../kernel/program.ts';
import {fileSizeLimited} from '../engines/failures.ts';
import {exitCode} from '../foundation/exit-code.ts';
import {Failure} from '../foundation/failure.ts';
import type {SessionSignal} from '../lifecycle/message.ts';
import type {GhostPlan} from '../lifecycle/plan.ts';
import {type Caller, identifyCaller, identifyPlainUser} from './caller.ts';
import {type CliChannel, connectToCli} from './cli-channel.ts';
import {type Arguments, confirmOwnNamespace, parseArguments, whyNoNamespace} from './enter.ts';
import {connectionLost, internalError} from './failures.ts';
import {Interrupted, isAsking} from './key-source.ts';
import {liftLimits} from './limits.ts';
import {readPlan, removePlanFolder} from './plan/read-plan.ts';

/**
 * What a program does with a plan, and the exit code. `began` is called when nothing may break it off any more: a session
 * has begun, or something is being written.
 */
export type CarryOut = (caller: Caller, plan: GhostPlan, channel: CliChannel, began: () => void) => Promise<number>;

/** Runs this process as a program that `bin/tazpod-ghost` has started, from its arguments to its end. */
export function runProgram(carryOut: CarryOut): void {
  void main(carryOut).then(leave, (error: unknown) => {
    const failure = asFailure(error);
    const sentences = [failure.message, failure.why, failure.next === undefined ? undefined : `Next: ${failure.next}`];
    process.stderr.write(`tazpod: ${sentences.filter((sentence) => sentence !== undefined).join(' ')}\n`);
    leave(failure.code);
  });
}

async function main(carryOut: CarryOut): Promise<number> {
  const args = parseArguments(process.argv.slice(2));
  process.umask(0o077);
  if (args.place === 'outside') return converse(carryOut, args, identifyPlainUser());
  if (args.place === 'callers-namespace') return converse(carryOut, args, await identifyCaller(undefined));
  if (args.place === undefined) throw await whyNoNamespace();
  confirmOwnNamespace();
  return converse(carryOut, args, await identifyCaller(args.privateIds));
}

async function converse(carryOut: CarryOut, args: Arguments, caller: Caller): Promise<number> {
  await keepOutOfCoreDumps();
  await liftLimits();
  const plan = readPlan(caller, args.planPath);
  const channel = await connectToCli(caller, args.planPath);
  removePlanFolder(caller, args.planPath);
  if (channel === undefined) {
    throw connectionLost();
  }
  traceProgramsTo((commandLine) => channel.say({say: 'program', commandLine}));
  // Those of the terminal are for the session; the CLI passes on those that are meant for it alone. Ctrl-Z stops a ghost
  // without a session as it stops every program.
  for (const signal of ['SIGINT', 'SIGQUIT'] as const) process.on(signal, () => {});
  const code = await attempt((began) => carryOut(caller, plan, channel, began), channel).catch((error: unknown) =>
    tell(channel, error),
  );
  channel.say({say: 'ended', code});
  await channel.close();
  return code;
}

/**
 * Does what the plan asks for, as long as somebody waits for it, and the CLI is not told to end. A session that has
 * begun handles both by itself.
 */
function attempt(carryOut: (began: () => void) => Promise<number>, channel: CliChannel): Promise<number> {
  return new Promise((resolve, reject) => {
    const abandon = () => resolve(exitCode.software);
    channel.gone.addEventListener('abort', abandon);
    channel.onSignal((signal) => {
      if (lethal.has(signal)) resolve(128 + constants.signals[signal]);
    });
    const interrupt = (signal: NodeJS.Signals) => {
      // At a prompt, the terminal must be put in order first.
      if (!isAsking()) resolve(128 + constants.signals[signal]);
    };
    for (const signal of ['SIGINT', 'SIGQUIT'] as const) process.once(signal, interrupt);
    const began = () => {
      channel.gone.removeEventListener('abort', abandon);
      for (const signal of ['SIGINT', 'SIGQUIT'] as const) process.removeListener(signal, interrupt);
    };
    carryOut(began).then(resolve, reject);
  });
}

/** The signals that a program dies of when it does nothing about them, and that are sent for that. */
const lethal: ReadonlySet<SessionSignal> = new Set(['SIGHUP', 'SIGINT', 'SIGQUIT', 'SIGTERM']);

function tell(channel: CliChannel, error: unknown): number {
  if (error instanceof Interrupted) return 128 + constants.signals[error.signal];
  const failure = asFailure(error);
  channel.say({say: 'failure', ...failure.toJSON(), ...causeOf(failure)});
  return failure.code;
}

/** A program or an image may say much. */
const longestCause = 4096;

/**
 * The error underneath, or what a program said of it, for `--debug`. A program may repeat what stands in an image, the
 * label of a file system or the name of a file: nothing in it may paint on a terminal.
 */
function causeOf({cause}: Failure): {cause?: string} {
  const text = cause instanceof Error ? (cause.stack ?? cause.message) : cause;
  if (typeof text !== 'string' || text === '') return {};
  const escape = (character: string): string => `\\u{${character.codePointAt(0)!.toString(16)}}`;
  return {cause: text.slice(-longestCause).replace(/(?!\n)[\p{C}\u2028\u2029]/gu, escape)};
}

function asFailure(error: unknown): Failure {
  if (error instanceof Failure) return error;
  // A hard limit that only a capability could lift, which root of a container may lack.
  if ((error as NodeJS.ErrnoException | undefined)?.code === 'EFBIG') return fileSizeLimited(error);
  return internalError(error);
}

/**
 * Ends this process by becoming the smallest one there is. A thread that waits in the kernel (for a passphrase, for
 * FUSE) would keep Node from exiting; an exec ends all threads at once, and with them every descriptor, namespace and
 * key that the process holds.
 */
function leave(code: number): never {
  process.removeAllListeners('warning');
  return process.execve!(programPath('sh'), ['sh', '-c', `exit ${code}`], {});
}
