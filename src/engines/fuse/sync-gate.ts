/**
 * Lets one thread at a time bring the image to its storage, and remembers for all of them that it once failed.
 *
 * Linux reports a failed write-back once per open file: the next `fdatasync` succeeds although the data is gone. So a
 * failure is kept, and every later flush fails too. And because the threads share one open file, two flushes side by
 * side could split it: one would get the error, the other would succeed before the failure is known. So they take
 * turns.
 */
export const syncGateWords = 2;

const turn = 0;
const failed = 1;

/** A flush failed before: what was written may not be on the storage. */
export class EarlierSyncFailure extends Error {
  /** As the system's own I/O errors carry it. */
  readonly code = 'EIO';
}

export class SyncGate {
  readonly #words: Int32Array;

  /** `words` are `syncGateWords` zeroes in shared memory. */
  constructor(words: Int32Array<SharedArrayBuffer>) {
    this.#words = words;
  }

  /** Runs `sync` when no other thread does. Throws what it throws, and ever after EarlierSyncFailure. */
  pass(sync: () => void): void {
    while (Atomics.compareExchange(this.#words, turn, 0, 1) !== 0) Atomics.wait(this.#words, turn, 1);
    try {
      if (Atomics.load(this.#words, failed) !== 0) throw new EarlierSyncFailure('an earlier flush failed');
      try {
        sync();
      } catch (error) {
        Atomics.store(this.#words, failed, 1);
        throw error;
      }
    } finally {
      Atomics.store(this.#words, turn, 0);
      Atomics.notify(this.#words, turn);
    }
  }
}
