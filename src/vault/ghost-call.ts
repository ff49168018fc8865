import {spawn} from 'node:child_process';
import {realpathSync, rmSync, writeFileSync} from 'node:fs';
import {createServer, type Server, type Socket} from 'node:net';
import {constants} from 'node:os';
import {join} from 'node:path';
import {createInterface} from 'node:readline';
import type {Adopted, CliMessage, GhostMessage, OpenVault, SessionSignal} from '../lifecycle/message.ts';
import {sessionSignals} from '../lifecycle/message.ts';
import {Failure} from '../foundation/failure.ts';
import type {GhostPlan, InitId} from '../lifecycle/plan.ts';
import {packageFile} from '../lifecycle/own-files.ts';
import type {Escalation} from './escalation.ts';
import {ghostNotStarted, noNode, sudoRefused} from './failures.ts';
import {Job, type SavedTerminal} from './job.ts';
import {placePlanFolder} from './plan-folder.ts';
import {endTerminalLinesWithCrLf} from './terminal-lines.ts';

/** What a call of the ghost tells while it runs. */
export type GhostListener = {
  /** Each message, in its order; the next one waits until the promise is settled. */
  onMessage(message: GhostMessage): Promise<void>;
};

/** How a call of the ghost ended. */
export type GhostEnd = {
  /** The ghost's exit code: the session's own, or one of `exitCode`. */
  readonly code: number;
  /** The ghost's word that the vault is closed came; without it the ghost was killed, or never began. */
  readonly orderly: boolean;
  /** The vault that was open, if it came to that. */
  readonly vault?: OpenVault;
  /** What was done to adopt the vault. */
  readonly adopted?: Adopted;
  /** The private ghost that is to be entered by a further call. */
  readonly enter?: InitId;
  readonly failure?: Failure;
};

/** The vault's passphrase may be asked for right after it. sudo puts the user's name in the place of `%p`. */
const sudoPrompt = '[sudo] Login password of %p: ';

/** The privileged entry that belongs to this CLI. */
export const ghostEntry = packageFile('bin/tazpod-ghost');

/**
 * Calls the ghost with a plan and stays until it has ended. The plan lies in a folder that only this user can enter,
 * beside the socket over which the two talk; the ghost removes both as soon as it has them.
 */
export async function callGhost(
  plan: GhostPlan,
  escalation: Escalation,
  listener: GhostListener,
  terminal?: SavedTerminal,
): Promise<GhostEnd> {
  const folder = placePlanFolder();
  const server = createServer();
  try {
    writeFileSync(join(folder, 'plan.json'), JSON.stringify(plan), {mode: 0o600, flag: 'wx'});
    await listen(server, join(folder, 'socket'));
    const conversation = converse(server, listener);
    const [file, ...args] = [...escalation.prefix, ghostEntry, join(folder, 'plan.json')];
    // Without a privilege and in no namespace of its own: there it would not see the ghosts of its user.
    if (escalation.isolation === 'private' && plan.operation !== 'open') args.push('--from-outside');
    if (escalation.isolation === 'sealed' && (plan.operation === 'observe' || plan.operation === 'clean')) {
      args.push('--in-callers-namespace');
    }
    endTerminalLinesWithCrLf();
    const forwarding = forwardSignals(conversation.say);
    try {
      // sudo passes nothing of ours on; without sudo the entry starts the Node that we run on.
      const env = {SUDO_PROMPT: sudoPrompt, ...escalation.environment, TAZPOD_GHOST_NODE: process.execPath};
      const ghost = startGhost(file, args, env);
      const job = new Job(ghost.pid, terminal, conversation.say);
      conversation.onStopped(() => job.stopWithSession());
      const code = await Promise.race([conversation.lingers, ghost.ended]).finally(() => job.end());
      // A ghost that lingers for others is not waited for.
      ghost.unref();
      const told = await conversation.ended();
      if (code === noNodeCode && !told.began) return {code, ...told, failure: noNode(realpathSync(process.execPath))};
      // Ctrl-C at sudo's own prompt: sudo ends with 1, as it does for a wrong password.
      if (!told.began && forwarding.interrupted()) return {code: 128 + constants.signals.SIGINT, ...told};
      // 1 is sudo's own exit code, and none of the ghost's.
      if (!told.began && code === 1 && file !== ghostEntry) throw sudoRefused(plan.operation);
      return {code, ...told};
    } finally {
      forwarding.stop();
    }
  } finally {
    server.close();
    rmSync(folder, {recursive: true, force: true});
  }
}

/** What the entry ends with when it has found no Node that it may run, as a shell does without a program. */
const noNodeCode = 127;

/**
 * Starts the ghost, or sudo in front of it. It gets the working directory as it is, without looking its name up: the
 * user may stand in one that only root may enter.
 */
function startGhost(
  file: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv,
): {readonly pid: number; readonly ended: Promise<number>; unref(): void} {
  // The ghost's own teardown is gentler than any signal to the process that started it.
  const child = spawn(file, args, {stdio: 'inherit', env});
  const ended = new Promise<number>((resolve, reject) => {
    child.once('error', (error: NodeJS.ErrnoException) => {
      reject(ghostNotStarted(file, error));
    });
    child.once('exit', (code, signal) => resolve(code ?? 128 + constants.signals[signal!]));
  });
  return {pid: child.pid ?? 0, ended, unref: () => child.unref()};
}

/** `began`: the ghost has connected. */
type Told = Omit<GhostEnd, 'code'> & {readonly began: boolean};

/** Talks with the one ghost that connects, and collects what it has told by the end. */
function converse(
  server: Server,
  listener: GhostListener,
): {
  say: (message: CliMessage) => void;
  onStopped: (listener: () => void) => void;
  lingers: Promise<number>;
  ended: () => Promise<Told>;
} {
  let told: Told = {began: false, orderly: false};
  let socket: Socket | undefined;
  let lines: Promise<void> = Promise.resolve();
  let onStopped = () => {};
  let lingers!: (code: number) => void;
  const lingering = new Promise<number>((resolve) => {
    lingers = resolve;
  });
  const say = (message: CliMessage) => {
    if (socket?.writable) socket.write(`${JSON.stringify(message)}\n`);
  };
  server.once('connection', (connected) => {
    socket = connected;
    told = {...told, began: true};
    server.close();
    connected.on('error', () => {});
    lines = (async () => {
      for await (const line of createInterface({input: connected})) {
        const message = JSON.parse(line) as GhostMessage;
        if (message.say === 'ended') told = {...told, orderly: true};
        if (message.say === 'adopted') told = {...told, adopted: {changed: message.changed, left: message.left}};
        if (message.say === 'enter') told = {...told, enter: message.init};
        if (message.say === 'open') told = {...told, vault: message.session};
        if (message.say === 'failure') {
          told = {...told, failure: Failure.fromJSON(message)};
        }
        if (message.say === 'lingers') lingers(message.code);
        if (message.say === 'stopped') onStopped();
        await listener.onMessage(message);
        if (message.say === 'terminal') say({say: 'clear'});
      }
    })().catch((error: unknown) => {
      // A ghost that ends with something unread of ours resets the connection. Its exit code says the rest.
      if ((error as NodeJS.ErrnoException).code !== 'ECONNRESET') throw error;
    });
  });
  return {
    say,
    onStopped: (listener) => {
      onStopped = listener;
    },
    lingers: lingering,
    ended: async () => {
      // A ghost that ended at once may have left a connection that nobody has accepted yet.
      for (let turn = 0; turn < 2 && socket === undefined; turn++)
        await new Promise((resolve) => setImmediate(resolve));
      socket?.end();
      await lines;
      return told;
    },
  };
}

function listen(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, resolve);
  });
}

/**
 * Passes signals on to the session instead of dying of them. Those that the terminal sends to all of its foreground
 * processes reach the session without our help, and a second time would be one too many.
 */
function forwardSignals(say: (message: CliMessage) => void): {interrupted(): boolean; stop(): void} {
  const fromTerminal: readonly string[] = process.stdin.isTTY ? ['SIGINT', 'SIGQUIT'] : [];
  let interrupted = false;
  const handlers = sessionSignals.map((signal): [SessionSignal, () => void] => [
    signal,
    () => {
      if (signal === 'SIGINT') interrupted = true;
      if (!fromTerminal.includes(signal)) say({say: 'signal', signal});
    },
  ]);
  for (const [signal, handler] of handlers) process.on(signal, handler);
  return {
    interrupted: () => interrupted,
    stop: () => {
      for (const [signal, handler] of handlers) process.removeListener(signal, handler);
    },
  };
}
