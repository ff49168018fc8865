import {rangeLockWords} from './range-locks.ts';
import {syncGateWords} from './sync-gate.ts';

const readyThreads = 0;
const loss = 1;
const begun = 2;
const ended = 3;
const syncGate = 4;
const rangeLocks = syncGate + syncGateWords;

/** How long a thread may take to start, on the slowest machine. */
const startTimeoutMs = 60_000;

/** The memory that the threads of a server share, beside the key. */
export class SharedState {
  readonly memory: SharedArrayBuffer;
  readonly #words: Int32Array<SharedArrayBuffer>;

  constructor(memory = new SharedArrayBuffer((rangeLocks + rangeLockWords) * Int32Array.BYTES_PER_ELEMENT)) {
    this.memory = memory;
    this.#words = new Int32Array(memory);
  }

  /** A thread has read its program and made what it needs of the key. */
  noteReady(): void {
    Atomics.add(this.#words, readyThreads, 1);
    Atomics.notify(this.#words, readyThreads);
  }

  /** Waits until so many threads are ready; throws when one seems never to be. */
  waitForReady(count: number): void {
    for (;;) {
      const ready = Atomics.load(this.#words, readyThreads);
      if (ready >= count) return;
      const woken = Atomics.wait(this.#words, readyThreads, ready, startTimeoutMs);
      if (woken === 'timed-out') throw new Error('a thread of the block server did not start');
    }
  }

  /** Whether something that was written, or its flush, did not reach the image. The writer got the error. */
  get lostSomething(): boolean {
    return Atomics.load(this.#words, loss) !== 0;
  }

  /** Says whether it is the first. */
  noteLoss(): boolean {
    return Atomics.exchange(this.#words, loss, 1) === 0;
  }

  /** A request was taken. */
  noteBegun(): void {
    Atomics.add(this.#words, begun, 1);
  }

  /** It was answered. */
  noteEnded(): void {
    Atomics.add(this.#words, ended, 1);
  }

  /** How many requests were taken, counted round, and whether none of them is being worked on. */
  get activity(): {readonly taken: number; readonly resting: boolean} {
    const answered = Atomics.load(this.#words, ended);
    const taken = Atomics.load(this.#words, begun);
    return {taken, resting: taken === answered};
  }

  get syncGateWords(): Int32Array<SharedArrayBuffer> {
    return this.#words.subarray(syncGate, syncGate + syncGateWords);
  }

  get rangeLockWords(): Int32Array<SharedArrayBuffer> {
    return this.#words.subarray(rangeLocks, rangeLocks + rangeLockWords);
  }
}
