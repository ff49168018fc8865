import {exitCode} from '../../foundation/exit-code.ts';
import type {CliChannel} from '../cli-channel.ts';
import type {Session} from './session.ts';
import {followStops} from './stops.ts';

/** The session's time after SIGHUP when the CLI is gone or somebody asks the ghost itself to end. */
const lastGraceMs = 500;
/** How often the ghost looks whether a session that is over, or locked, waits for a process that is stopped. */
const stoppedPollMs = 1000;

const misplacedWhy = 'A process outside moved or removed the mount point, so TazPod closed the vault.';

export type Supervised = {
  readonly session: Session;
  readonly channel: CliChannel;
  /** Whether a lock has left word in the session's /dev/shm. */
  readonly wasLocked: () => boolean;
  /** Whether the image was removed under the session. */
  readonly isLost?: () => boolean;
  /** Called when the program has ended and others that have joined have not: the user's terminal is free again. */
  readonly onLingering: () => Promise<void>;
  /** Settles when the session has nothing left to live on. */
  readonly lost?: Promise<unknown>;
  /** Settles when the vault is no longer where the session looks for it. */
  readonly misplaced?: Promise<unknown>;
};

/**
 * Waits for the end of a session that has begun, and returns its exit code. Ends the session when nobody waits for it:
 * when the CLI is gone, or somebody ends the ghost itself. A session that others have joined
 * outlives its CLI.
 */
export async function supervise(supervised: Supervised): Promise<number> {
  const {session, channel, wasLocked, isLost = () => false, onLingering, lost, misplaced} = supervised;
  const end = () => void session.end(lastGraceMs);
  channel.onSignal((signal) => session.signal(signal));
  followStops(session, channel);
  channel.gone.addEventListener('abort', end);
  if (channel.gone.aborted) end();
  process.on('SIGTERM', end);
  process.on('SIGHUP', end);
  void lost?.then(end);
  const seen = {misplaced: false};
  void misplaced?.then(() => {
    seen.misplaced = true;
    // At once: what the session writes now, to save it perhaps, would not be written into the vault.
    void session.end(0);
  });
  void session.lingers.then(async (code) => {
    channel.gone.removeEventListener('abort', end);
    process.removeListener('SIGHUP', end);
    await onLingering();
    channel.say({say: 'lingers', code: isLost() ? exitCode.ioError : code});
  });
  // Job control and SIGSTOP belong to a session while it lives; its end must not wait for anybody who is stopped.
  const waking = setInterval(() => {
    if (session.isOver() || wasLocked()) session.wake();
  }, stoppedPollMs);
  const code = await session.ended;
  clearInterval(waking);
  if (!seen.misplaced && !wasLocked()) {
    if (session.leftBehind.length > 0) channel.say({say: 'leftBehind', programs: session.leftBehind});
    return code;
  }
  channel.say({say: 'locked', why: seen.misplaced ? misplacedWhy : 'The vault was locked with "tazpod lock".'});
  return exitCode.locked;
}
