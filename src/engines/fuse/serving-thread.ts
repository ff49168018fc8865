import {createSecretKey} from 'node:crypto';
import {readSync, writeSync} from 'node:fs';
import {BlockFile, headroomBytes} from './block-file.ts';
import {PinnedBlocks} from './pinned-blocks.ts';
import {requestBufferBytes, type FileAttributes} from './protocol.ts';
import {maxTransferBytes} from './sizes.ts';
import {RangeLocks} from './range-locks.ts';
import {SegmentFile} from './segment-file.ts';
import type {ServedSegment} from './segment.ts';
import {lossWord} from './server-order.ts';
import {SharedState} from './shared-state.ts';
import {SyncGate} from './sync-gate.ts';

/** What each thread of the server process is started with. */
export type ThreadData = {
  /** `/dev/fuse`, of a connection that is mounted or will be in a moment. */
  readonly fuseFd: number;
  readonly imageFd: number;
  readonly segment: ServedSegment;
  readonly attributes: Omit<FileAttributes, 'sizeBytes'>;
  /** The volume key, wiped as soon as every thread is ready. */
  readonly key: SharedArrayBuffer;
  /** The memory of a SharedState. */
  readonly state: SharedArrayBuffer;
  /** The memory of PinnedBlocks. */
  readonly pinned: SharedArrayBuffer;
  /** Who mounts the file. */
  readonly parentPid: number;
};

/** How long a thread waits before it asks again whether the connection is mounted by now. */
const mountPollMs = 1;

/**
 * Answers requests until the kernel ends the connection. `onReady` is called when this thread needs the shared key no
 * longer: it has a KeyObject, whose bytes OpenSSL wipes when the thread ends.
 *
 * An error that is not an answer kills the process. A thread that died alone would leave its request unanswered, and
 * its locks taken, and all others waiting without end; when the process dies, the kernel gives everybody an error.
 */
export function serveThread(data: ThreadData, onReady: () => void = () => {}): void {
  try {
    const state = new SharedState(data.state);
    const segmentFile = new SegmentFile({
      imageFd: data.imageFd,
      segment: data.segment,
      key: createSecretKey(Buffer.from(data.key)),
      locks: new RangeLocks(state.rangeLockWords),
      syncGate: new SyncGate(state.syncGateWords),
      pinned: new PinnedBlocks(data.pinned),
      maxTransferBytes,
      headroomBytes,
    });
    state.noteReady();
    onReady();
    serve(data, state, new BlockFile(segmentFile, data.attributes, (code) => tellLoss(state, code)));
  } catch (error) {
    writeSync(2, `${error instanceof Error ? error.stack : String(error)}\n`);
    process.kill(process.pid, 'SIGKILL');
  }
}

/** Tells the ghost of the first loss at once; the exit code repeats it. */
function tellLoss(state: SharedState, code: string): void {
  if (!state.noteLoss()) return;
  try {
    writeSync(1, `${lossWord}${code}\n`);
  } catch {
    // The ghost is gone.
  }
}

function serve({fuseFd, parentPid}: ThreadData, state: SharedState, file: BlockFile): void {
  const buffer = Buffer.alloc(requestBufferBytes);
  for (;;) {
    const request = receive(fuseFd, parentPid, buffer);
    if (request === 'ended') return;
    if (request === 'again') continue;
    state.noteBegun();
    const reply = file.answer(request);
    const outcome = reply === undefined ? 'sent' : send(fuseFd, reply);
    state.noteEnded();
    if (outcome === 'ended') return;
  }
}

/** Waits in the kernel for one request. Nothing interrupts that but a request, or the end of the connection. */
function receive(fuseFd: number, parentPid: number, buffer: Buffer): Buffer | 'again' | 'ended' {
  try {
    return buffer.subarray(0, readSync(fuseFd, buffer));
  } catch (error) {
    switch ((error as NodeJS.ErrnoException).code) {
      case 'ENODEV': // unmounted, or aborted
      case 'ECONNABORTED': // just as this request was handed over; the kernel tells whoever asked
        return 'ended';
      case 'EPERM': // not mounted yet
        if (process.ppid !== parentPid) return 'ended';
        Atomics.wait(nothing, 0, 0, mountPollMs);
        return 'again';
      case 'ENOENT': // the request was taken back
      case 'EINTR':
      case 'EAGAIN':
        return 'again';
      default:
        throw error;
    }
  }
}

function send(fuseFd: number, reply: Buffer): 'sent' | 'ended' {
  try {
    writeSync(fuseFd, reply);
  } catch (error) {
    const {code} = error as NodeJS.ErrnoException;
    if (code === 'ENODEV') return 'ended';
    // ENOENT: the process that asked is gone. Anything else means that somebody may never be answered.
    if (code !== 'ENOENT') throw error;
  }
  return 'sent';
}

/** To wait for: nobody ever changes it. */
const nothing = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
