import {closeSync, fstatSync, openSync} from 'node:fs';
import {connect, type Socket} from 'node:net';
import {dirname} from 'node:path';
import {isObject} from '../foundation/shape.ts';
import {placeOnly} from '../foundation/open-beneath.ts';
import type {CliMessage, GhostMessage, SessionSignal} from '../lifecycle/message.ts';
import {sessionSignals} from '../lifecycle/message.ts';
import {asCaller, type Caller} from './caller.ts';

/** How long the ghost waits for the CLI to stop drawing. Without an answer the prompt comes all the same. */
const clearTimeoutMs = 2000;
/** A message of the CLI is short; a process that sends more is not the CLI. */
const maximumLineLength = 4096;

/** The ghost's end of the socket to the CLI. */
export type CliChannel = {
  /** Tells the CLI something. Never fails: without a CLI nobody needs it. */
  say(message: GhostMessage): void;
  /** Asks the CLI to leave the terminal alone, and waits until it does. */
  claimTerminal(): Promise<void>;
  /** Called for each signal that the session is to get. */
  onSignal(listener: (signal: SessionSignal) => void): void;
  /** Called when the CLI goes on after it was stopped together with the session. */
  onResumed(listener: () => void): void;
  /** Aborted when the CLI is gone, by its end or by SIGKILL: nobody waits for the vault. */
  readonly gone: AbortSignal;
  /** Sends what is still unsent and closes the socket. */
  close(): Promise<void>;
};

/**
 * Connects to the CLI's socket beside the plan. Safe as root: the socket is the caller's own, and is looked up and
 * connected to with the caller's ids. Another one that the caller may talk to, a service's, would get the ghost's words
 * with root's ids on them (SCM_CREDENTIALS), and might take them for root's. What is sent holds no secret, and what is
 * received is one of the few messages of `src/lifecycle/message.ts` or ignored.
 */
export async function connectToCli(caller: Caller, planPath: string): Promise<CliChannel | undefined> {
  const socket = asCaller(caller, () => connectToOwn(caller, `${dirname(planPath)}/socket`));
  if (socket === undefined) return undefined;
  const connected = await new Promise<boolean>((resolve) => {
    socket.once('connect', () => resolve(true));
    socket.once('error', () => resolve(false));
  });
  return connected ? channelOver(socket) : undefined;
}

/** Opened and looked at first: by its name, it could be another one a moment later. A socket opens in no other way. */
function connectToOwn(caller: Caller, path: string): Socket | undefined {
  let fd: number;
  try {
    fd = openSync(path, placeOnly);
  } catch {
    return undefined;
  }
  try {
    const socket = fstatSync(fd);
    return socket.isSocket() && socket.uid === caller.uid ? connect(`/proc/self/fd/${fd}`) : undefined;
  } finally {
    // net.connect() has made its system call by now.
    closeSync(fd);
  }
}

function channelOver(socket: Socket): CliChannel {
  const gone = new AbortController();
  let signalListener: (signal: SessionSignal) => void = () => {};
  let resumedListener: () => void = () => {};
  let cleared: () => void = () => {};
  let unread = '';

  socket.on('error', () => {});
  socket.on('close', () => gone.abort());
  socket.on('end', () => gone.abort());
  socket.setEncoding('utf8');
  socket.on('data', (chunk: string) => {
    const lines = (unread + chunk).split('\n');
    unread = lines.pop()!;
    if (unread.length > maximumLineLength) socket.destroy();
    for (const line of lines) {
      const message = parse(line);
      if (message?.say === 'clear') cleared();
      if (message?.say === 'resumed') resumedListener();
      if (message?.say === 'signal') signalListener(message.signal);
    }
  });

  const say = (message: GhostMessage) => {
    if (socket.writable) socket.write(`${JSON.stringify(message)}\n`);
  };
  return {
    say,
    claimTerminal: () =>
      new Promise((resolve) => {
        const timer = setTimeout(resolve, clearTimeoutMs);
        cleared = () => {
          clearTimeout(timer);
          resolve();
        };
        gone.signal.addEventListener('abort', cleared, {once: true});
        say({say: 'terminal'});
      }),
    onSignal: (listener) => {
      signalListener = listener;
    },
    onResumed: (listener) => {
      resumedListener = listener;
    },
    gone: gone.signal,
    close: () =>
      new Promise((resolve) => {
        // A CLI that is stopped reads nothing, and the ghost does not wait for it.
        setTimeout(resolve, clearTimeoutMs).unref();
        if (!socket.writable) resolve();
        else socket.end(resolve);
      }),
  };
}

function parse(line: string): CliMessage | undefined {
  let message: unknown;
  try {
    message = JSON.parse(line);
  } catch {
    return undefined;
  }
  if (!isObject(message)) return undefined;
  if (message.say === 'clear' || message.say === 'resumed') return {say: message.say};
  const signal = 'signal' in message ? sessionSignals.find((known) => known === message.signal) : undefined;
  return message.say === 'signal' && signal !== undefined ? {say: 'signal', signal} : undefined;
}
