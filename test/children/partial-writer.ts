// A thread that writes its own bytes of each sector of a segment that other threads write as well.
import {createSecretKey} from 'node:crypto';
import {parentPort, workerData} from 'node:worker_threads';
import {PinnedBlocks} from '../../src/engines/fuse/pinned-blocks.ts';
import {RangeLocks} from '../../src/engines/fuse/range-locks.ts';
import {SegmentFile} from '../../src/engines/fuse/segment-file.ts';
import type {ServedSegment} from '../../src/engines/fuse/segment.ts';
import {SyncGate} from '../../src/engines/fuse/sync-gate.ts';

export type PartialWriterData = {
  readonly imageFd: number;
  readonly segment: ServedSegment;
  readonly key: Buffer;
  readonly lockWords: Int32Array<SharedArrayBuffer>;
  readonly syncWords: Int32Array<SharedArrayBuffer>;
  readonly pinned: SharedArrayBuffer;
  /** Threads wait here until all are there. */
  readonly gate: Int32Array<SharedArrayBuffer>;
  readonly threads: number;
  readonly thread: number;
  /** Which bytes are whose: piece number i belongs to thread i modulo `threads`. */
  readonly pieceBytes: number;
  readonly rounds: number;
};

const data = workerData as PartialWriterData;
const file = new SegmentFile({
  imageFd: data.imageFd,
  segment: data.segment,
  key: createSecretKey(Buffer.from(data.key)),
  locks: new RangeLocks(data.lockWords),
  syncGate: new SyncGate(data.syncWords),
  pinned: new PinnedBlocks(data.pinned),
  maxTransferBytes: 1024 * 1024,
  headroomBytes: 16,
});

Atomics.add(data.gate, 0, 1);
Atomics.notify(data.gate, 0);
for (let there = Atomics.load(data.gate, 0); there < data.threads; there = Atomics.load(data.gate, 0)) {
  Atomics.wait(data.gate, 0, there);
}

/** Pieces that were not what this thread wrote last: another's write took them back. */
let lost = 0;
const pieces = Math.floor(data.segment.sizeBytes / data.pieceBytes);
for (let round = 1; round <= data.rounds; round++) {
  for (let piece = data.thread; piece < pieces; piece += data.threads) {
    const at = piece * data.pieceBytes;
    const before = file.read(at, data.pieceBytes).data;
    if (round > 1 && !before.equals(Buffer.alloc(data.pieceBytes, round - 1))) lost++;
    file.write(at, Buffer.alloc(data.pieceBytes, round));
  }
}
parentPort!.postMessage(lost);
