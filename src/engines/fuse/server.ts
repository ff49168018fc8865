import {once} from 'node:events';
import {extname} from 'node:path';
import {createInterface} from 'node:readline';
import {fileURLToPath} from 'node:url';
import {startBound} from '../../kernel/program.ts';
import {exitCode, type ExitCode} from '../../lifecycle/exit-code.ts';
import {Failure} from '../../lifecycle/failure.ts';
import type {AttachedDevice, DeviceEnd} from '../engine.ts';
import type {ServedSegment} from './segment.ts';

/** What the server process is told, beside the key. */
export type ServerOrder = {
  readonly segment: Omit<ServedSegment, 'ivTweak'> & {readonly ivTweak: string};
  readonly mountFile: string;
  readonly keyBytes: number;
  /** How long a block file that is in use when the server is asked to stop is waited for. */
  readonly stopGraceMs: number;
};

/** What the server process says, a line each. */
export type ServerAnswer =
  | {readonly ready: {readonly sizeBytes: number}}
  | {readonly failure: {readonly code: ExitCode; readonly what: string; readonly why?: string; readonly next?: string}}
  | {readonly bug: string}
  | {readonly ended: {readonly how: DeviceEnd['how']; readonly why?: string}};

const stopGraceMs = 5000;

/**
 * Starts a process that serves the plaintext of a segment as one file, and returns the file.
 *
 * It has to be another process than the one that mounts what is in the file. When a process dies, the kernel first
 * takes down the mount namespace of which it was the last member, and closes its descriptors after that: a ghost that
 * served its own vault would, killed, wait for ever for itself to write out the file system. So the server has a mount
 * namespace of its own, in which the file system never is; the file that it serves is mounted in that of this process.
 *
 * Safe as root: constant arguments; the key goes through a pipe; the server ends with this process (`startBound`).
 */
export async function startServer(
  imageFd: number,
  segment: ServedSegment,
  volumeKey: Buffer,
  mountFile: string,
): Promise<AttachedDevice> {
  const own = ['--mount', '--propagation', 'private', '--'];
  const entry = fileURLToPath(new URL(`./server-process${extname(import.meta.url)}`, import.meta.url));
  const child = startBound('unshare', [...own, process.execPath, entry], {stdio: ['pipe', 'pipe', 'inherit', imageFd]});
  const answers = createInterface({input: child.stdout!})[Symbol.asyncIterator]();
  child.stdin!.on('error', () => {});
  const order: ServerOrder = {
    segment: {...segment, ivTweak: String(segment.ivTweak)},
    mountFile,
    keyBytes: volumeKey.length,
    stopGraceMs,
  };
  child.stdin!.write(`${JSON.stringify(order)}\n`);
  const sent = Buffer.from(volumeKey);
  child.stdin!.write(sent, () => sent.fill(0));

  const exited = once(child, 'exit');
  const next = async (): Promise<ServerAnswer | undefined> => {
    const {value, done} = await answers.next();
    return done ? undefined : (JSON.parse(value as string) as ServerAnswer);
  };
  const first = await next();
  if (first === undefined || !('ready' in first)) {
    child.stdin!.end();
    await exited;
    throw failureOf(first);
  }
  const ended = Promise.all([next(), exited]).then(([last]) => endOf(last));
  return {
    path: mountFile,
    kind: 'file',
    sizeBytes: first.ready.sizeBytes,
    ended,
    detach: async () => {
      child.stdin!.end();
      await ended;
    },
  };
}

function failureOf(answer: ServerAnswer | undefined): Failure {
  if (answer !== undefined && 'failure' in answer) {
    const {code, what, ...details} = answer.failure;
    return new Failure(code, what, details);
  }
  return new Failure(exitCode.software, 'The process that serves the vault did not start.', {
    ...(answer !== undefined && 'bug' in answer ? {why: answer.bug} : {}),
    next: 'run it again with --debug and report it',
  });
}

/** A server that ended without a word was killed. */
function endOf(answer: ServerAnswer | undefined): DeviceEnd {
  if (answer === undefined || !('ended' in answer)) {
    return {how: 'failed', error: new Error('the process that serves the vault was killed')};
  }
  const {how, why} = answer.ended;
  return {how, ...(why === undefined ? {} : {error: new Error(why)})};
}
