import {pollUntil} from '../../foundation/poll.ts';
import {readProcessStat} from '../../kernel/process-record.ts';
import {start} from '../../kernel/program.ts';
import type {CliChannel} from '../cli-channel.ts';
import type {Session} from './session.ts';

/** Ctrl-Z, and what the kernel sends to a background process that reads from its terminal or changes it. */
const stops = ['SIGTSTP', 'SIGTTIN', 'SIGTTOU'] as const;
type Stop = (typeof stops)[number];

/** How long a program may take to stop after Ctrl-Z before it counts as one that does not. */
const stopTimeoutMs = 500;

/**
 * Lets a session be stopped and continued like any other job of the user's shell. The ghost itself goes on: it watches
 * over the vault, and others may have joined.
 *
 * What stops the job is the CLI and sudo. sudo does so, and gives the terminal back to the shell, when the program that
 * it has started is stopped: so the ghost stops for that moment.
 */
export function followStops(session: Session, channel: CliChannel): void {
  session.onStopped(() => {
    // It would wait for a key that the shell has taken, and relay nothing until the next one.
    session.pauseRelay();
    channel.say({say: 'stopped'});
    stopForAMoment('SIGTSTP');
  });
  channel.onResumed(() => session.resume());
  for (const signal of stops) process.on(signal, handlers[signal]);
  const handle = async (signal: Stop) => {
    if (signal !== 'SIGTSTP' || (!session.relayed && (await stopped(session)))) stopForAMoment(signal);
  };
  onStop = (signal) => void handle(signal);
}

let onStop: (signal: Stop) => void = () => {};
const handlers = Object.fromEntries(stops.map((signal) => [signal, () => onStop(signal)])) as Record<Stop, () => void>;

/** Ctrl-Z has reached the session's program too. It may take a moment to stop, or not stop at all. */
function stopped(session: Session): Promise<boolean> {
  return pollUntil(() => session.isStopped(), stopTimeoutMs);
}

/**
 * Stops this process until sudo or the CLI has stopped, at most for some seconds.
 *
 * Safe as root: numbers are the only arguments. What continues this process is in a session of its own, where no key of
 * a terminal reaches it, and sends nothing but SIGCONT.
 */
function stopForAMoment(signal: Stop): void {
  const ancestors = ancestorsOf(process.pid);
  start('sh', ['-c', wake, 'sh', String(process.pid), ...ancestors.map(String)], {stdio: 'ignore', detached: true});
  process.removeListener(signal, handlers[signal]);
  process.kill(process.pid, signal);
  process.on(signal, handlers[signal]);
}

/** `PID ANCESTOR…`: continues the process as soon as it and one of the others are stopped. */
const wake = [
  'ghost=$1; shift; tries=0',
  // In the middle of the line is the program's name, in which anything may be.
  'stopped() { read -r stat <"/proc/$1/stat" && stat=${stat##*") "} && [ "${stat%% *}" = T ]; }',
  'any() { for each; do stopped "$each" && return 0; done; return 1; }',
  'until [ $tries -ge 100 ] || { stopped "$ghost" && any "$@"; }; do tries=$((tries + 1)); sleep 0.02; done',
  'kill -CONT "$ghost"',
].join('; ');

function ancestorsOf(pid: number): number[] {
  const parent = readProcessStat(pid)?.ppid ?? 0;
  return parent > 1 ? [parent, ...ancestorsOf(parent)] : [];
}
