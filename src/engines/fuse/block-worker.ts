import {createSecretKey} from 'node:crypto';
import {readSync, writeSync} from 'node:fs';
import {parentPort, workerData} from 'node:worker_threads';
import {BlockFile, headroomBytes} from './block-file.ts';
import {maxTransferBytes, requestBufferBytes, type FileAttributes} from './protocol.ts';
import {RangeLocks} from './range-locks.ts';
import {SegmentFile} from './segment-file.ts';
import type {ServedSegment} from './segment.ts';
import {serverStage, SharedState} from './shared-state.ts';
import {SyncGate} from './sync-gate.ts';

/** What a worker thread of the block server is started with. */
export type BlockWorkerData = {
  readonly fuseFd: number;
  readonly imageFd: number;
  readonly segment: ServedSegment;
  readonly attributes: Omit<FileAttributes, 'sizeBytes'>;
  /** The volume key, zeroed by the server as soon as every worker has said that it is ready. */
  readonly key: SharedArrayBuffer;
  readonly state: SharedArrayBuffer;
};

/** How long a worker waits before it asks again whether the kernel knows the connection by now. */
const mountPollMs = 1;

const data = workerData as BlockWorkerData;
const state = new SharedState(data.state);
serve(blockFile());

function blockFile(): BlockFile {
  const file = new SegmentFile({
    imageFd: data.imageFd,
    segment: data.segment,
    key: createSecretKey(Buffer.from(data.key)),
    locks: new RangeLocks(state.rangeLockWords, () => state.stage === serverStage.stopping),
    syncGate: new SyncGate(state.syncGateWords),
    maxTransferBytes,
    headroomBytes,
  });
  parentPort!.postMessage('ready');
  return new BlockFile(file, data.attributes, () => state.noteLoss());
}

/** Answers requests until the kernel ends the connection or the server stops. */
function serve(file: BlockFile): void {
  const buffer = Buffer.alloc(requestBufferBytes);
  while (state.stage !== serverStage.stopping) {
    const request = receive(buffer);
    if (request === 'ended') return;
    if (request === undefined) continue;
    const reply = file.answer(request);
    if (reply !== undefined && send(reply) === 'ended') return;
  }
}

/** Waits in the kernel for one request: no other thread can interrupt that, only a request or the connection's end. */
function receive(buffer: Buffer): Buffer | 'ended' | undefined {
  try {
    return buffer.subarray(0, readSync(data.fuseFd, buffer));
  } catch (error) {
    switch (codeOf(error)) {
      case 'ENODEV': // unmounted, or aborted
        return 'ended';
      case 'EPERM': // not mounted yet
        if (state.stage !== serverStage.mounting) throw error;
        state.waitWhile(serverStage.mounting, mountPollMs);
        return undefined;
      case 'ENOENT': // the request was taken back
      case 'EINTR':
      case 'EAGAIN':
        return undefined;
      default:
        throw error;
    }
  }
}

function send(reply: Buffer): 'ended' | undefined {
  try {
    writeSync(data.fuseFd, reply);
  } catch (error) {
    const code = codeOf(error);
    if (code === 'ENODEV') return 'ended';
    // ENOENT: whoever asked has gone. Anything else means that nobody may ever be answered.
    if (code !== 'ENOENT') throw error;
  }
  return undefined;
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined;
}
