import {rangeLockWords} from './range-locks.ts';
import {syncGateWords} from './sync-gate.ts';

const stage = 0;
const loss = 1;
const syncGate = 2;
const rangeLocks = syncGate + syncGateWords;

/** What the server is at, for its workers. */
export const serverStage = {
  /** The kernel does not know the connection yet: reading from it is refused. */
  mounting: 0,
  serving: 1,
  /** A worker ends after the request that it is at. */
  stopping: 2,
} as const;

export type ServerStage = (typeof serverStage)[keyof typeof serverStage];

/** The memory that a server and its workers share, beside the key. */
export class SharedState {
  readonly memory: SharedArrayBuffer;
  readonly #words: Int32Array<SharedArrayBuffer>;

  constructor(memory = new SharedArrayBuffer((rangeLocks + rangeLockWords) * Int32Array.BYTES_PER_ELEMENT)) {
    this.memory = memory;
    this.#words = new Int32Array(memory);
  }

  get stage(): ServerStage {
    return Atomics.load(this.#words, stage) as ServerStage;
  }

  set stage(value: ServerStage) {
    Atomics.store(this.#words, stage, value);
    Atomics.notify(this.#words, stage);
  }

  /** Waits until the stage is not `value` any more, or the time is over. Not for the main thread. */
  waitWhile(value: ServerStage, timeoutMs: number): void {
    Atomics.wait(this.#words, stage, value, timeoutMs);
  }

  /** Whether something that was written, or its flush, did not reach the image. Whoever wrote it was told. */
  get lostSomething(): boolean {
    return Atomics.load(this.#words, loss) !== 0;
  }

  noteLoss(): void {
    Atomics.store(this.#words, loss, 1);
  }

  get syncGateWords(): Int32Array<SharedArrayBuffer> {
    return this.#words.subarray(syncGate, syncGate + syncGateWords);
  }

  get rangeLockWords(): Int32Array<SharedArrayBuffer> {
    return this.#words.subarray(rangeLocks, rangeLocks + rangeLockWords);
  }
}
