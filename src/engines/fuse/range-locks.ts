/**
 * Reader-writer locks on ranges of a segment, between threads, in shared memory.
 *
 * Two things need them. A write of a part of a sector reads the sector, changes it and writes it back: two of those at
 * once would lose one. And a read that races a write of the same sector may get bytes of both; where the seam falls
 * inside one 16-byte block of AES, it would decipher to what was never written. The page cache above mostly keeps such
 * requests apart, direct I/O does not.
 *
 * The segment is cut into regions, and regions share a small table of lock words: 0 free, N > 0 held by N readers,
 * -1 held by a writer. Words are taken in the order of the table, so that no two threads wait for each other.
 */
const regionBytes = 64 * 1024;

/** A range longer than the table would meet its own words: `maxRangeBytes` says how long one may be. */
const wordCount = 256;

export const rangeLockWords = wordCount;
export const maxRangeBytes = (wordCount - 1) * regionBytes;

const free = 0;
const writing = -1;

export class RangeLocks {
  readonly #words: Int32Array;

  /** `words` are `rangeLockWords` zeroes in shared memory. A thread that has some must not die: all would wait for it. */
  constructor(words: Int32Array<SharedArrayBuffer>) {
    this.#words = words;
  }

  /** Runs `body` while no writer is in the range. */
  read<T>(startBytes: number, endBytes: number, body: () => T): T {
    return this.#locked(startBytes, endBytes, takeToRead, releaseFromRead, body);
  }

  /** Runs `body` while nobody else is in the range. */
  write<T>(startBytes: number, endBytes: number, body: () => T): T {
    return this.#locked(startBytes, endBytes, takeToWrite, releaseFromWrite, body);
  }

  #locked<T>(startBytes: number, endBytes: number, take: Take, release: Release, body: () => T): T {
    const words = wordsOf(startBytes, endBytes);
    let taken = 0;
    try {
      for (; taken < words.length; taken++) this.#take(words[taken]!, take);
      return body();
    } finally {
      while (taken-- > 0) release(this.#words, words[taken]!);
    }
  }

  #take(word: number, take: Take): void {
    for (;;) {
      const inTheWay = take(this.#words, word);
      if (inTheWay === free) return;
      Atomics.wait(this.#words, word, inTheWay);
    }
  }
}

/** Tries once; returns `free` when it has the word, else the value that was in the way. */
type Take = (words: Int32Array, word: number) => number;
type Release = (words: Int32Array, word: number) => void;

const takeToRead: Take = (words, word) => {
  let readers = Atomics.load(words, word);
  while (readers !== writing) {
    const found = Atomics.compareExchange(words, word, readers, readers + 1);
    if (found === readers) return free;
    readers = found;
  }
  return writing;
};

const releaseFromRead: Release = (words, word) => {
  if (Atomics.sub(words, word, 1) === 1) Atomics.notify(words, word);
};

const takeToWrite: Take = (words, word) => Atomics.compareExchange(words, word, free, writing);

const releaseFromWrite: Release = (words, word) => {
  Atomics.store(words, word, free);
  Atomics.notify(words, word);
};

/** The words of a range, each once, ascending. */
function wordsOf(startBytes: number, endBytes: number): number[] {
  const first = Math.floor(startBytes / regionBytes);
  const last = Math.floor(Math.max(startBytes, endBytes - 1) / regionBytes);
  if (last - first >= wordCount) throw new RangeError('the range is longer than the lock table');
  const words = [];
  for (let region = first; region <= last; region++) words.push(region % wordCount);
  // A range that runs over the end of the table starts again at its beginning.
  return words.sort((a, b) => a - b);
}
