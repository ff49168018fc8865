/** What stands in the place of a value. One for a row of them: its length says nothing. */
const mask = Buffer.from('***');

/** Shorter values are not masked: `1` and `yes` are everywhere. */
export const shortestMaskedBytes = 4;

/** Of what may be the beginning of a value, so much is shown when nothing follows: see `settle`. */
const tellTaleBytes = 4;

const escape = 0x1b;
const bracket = 0x5b;

/**
 * Masks values in a stream of bytes, wherever it is cut into chunks. Every occurrence is masked, overlapping ones too;
 * all other bytes pass as they are. Colours pass also in the midst of a value (`grep --color`), and do not hide it: a
 * control sequence (ECMA-48 CSI) is not a part of what is compared.
 *
 * It is the automaton of Aho and Corasick: its depth is how many of the last bytes may be the beginning of a value, and
 * those are held back. Older ones are decided.
 */
export class Redactor {
  readonly #trie: Trie;
  #state = 0;
  /** Bytes that are not decided yet, and control sequences among them. */
  #held: Held[] = [];
  /** How many of them are compared. */
  #heldBytes = 0;
  #lastWasMasked = false;
  /** What was decided in the midst of a chunk. */
  readonly #decided: Buffer[] = [];
  /** The control sequence that is being read; empty outside of one. */
  #sequence: number[] = [];

  constructor(values: readonly Uint8Array[]) {
    this.#trie = new Trie(values.map(withoutSequences).filter((value) => value.length >= shortestMaskedBytes));
  }

  /** Takes a chunk and returns what can be shown of it, and of what was held back before. */
  push(chunk: Uint8Array): Buffer {
    for (const byte of chunk) {
      if (this.#sequence.length > 0) this.#continueSequence(byte);
      else if (byte === escape) this.#sequence.push(byte);
      else this.#compare(byte);
    }
    return this.#take(this.#decidedCount());
  }

  /**
   * What can be shown because nothing more has come for a moment: a prompt may end like a value begins, and somebody
   * waits for it. So the first three bytes of what may become a value are shown; the rest of it would still be masked.
   */
  settle(): Buffer {
    const harmless = this.#trie.depth[this.#state]! < tellTaleBytes;
    const sequence = this.#sequence.length === 1 ? this.#endSequence() : [];
    return Buffer.concat([harmless ? this.#take(this.#heldBytes) : Buffer.alloc(0), ...sequence]);
  }

  /** The rest. */
  end(): Buffer {
    return Buffer.concat([this.#take(this.#heldBytes), ...this.#endSequence()]);
  }

  #continueSequence(byte: number): void {
    this.#sequence.push(byte);
    const [, second] = this.#sequence;
    if (this.#sequence.length === 2 && second !== bracket) {
      // Not of this kind: both bytes are compared.
      for (const each of this.#sequence.splice(0)) this.#compare(each);
    } else if (this.#sequence.length > 2 && byte >= 0x40 && byte <= 0x7e) {
      this.#held.push({byte: 0, masked: false, sequence: Buffer.from(this.#sequence.splice(0))});
    } else if (this.#sequence.length > 2 && (byte < 0x20 || byte > 0x3f)) {
      for (const each of this.#sequence.splice(0)) this.#compare(each);
    }
  }

  #endSequence(): Buffer[] {
    return this.#sequence.length === 0 ? [] : [Buffer.from(this.#sequence.splice(0))];
  }

  #compare(byte: number): void {
    this.#state = this.#trie.next(this.#state, byte);
    this.#held.push({byte, masked: false, sequence: undefined});
    this.#heldBytes += 1;
    const length = this.#trie.matched[this.#state]!;
    for (let at = this.#held.length - 1, left = Math.min(length, this.#heldBytes); left > 0; at--) {
      const each = this.#held[at]!;
      if (each.sequence !== undefined) continue;
      each.masked = true;
      left -= 1;
    }
    // What is decided goes at times, so that a long chunk does not pile up; all of it, not to be quadratic.
    if (this.#held.length > 1 << 16 && this.#trie.depth[this.#state]! < 1 << 15) {
      this.#decided.push(this.#take(this.#decidedCount()));
    }
  }

  /** Of what is held; some of what may become a value was shown already, where somebody waited for it. */
  #decidedCount(): number {
    return Math.max(0, this.#heldBytes - this.#trie.depth[this.#state]!);
  }

  /** The oldest bytes that are held, so many, with the sequences among and right before them. */
  #take(count: number): Buffer {
    const bytes: number[] = [];
    let at = 0;
    let left = count;
    for (; at < this.#held.length; at++) {
      const {byte, masked, sequence} = this.#held[at]!;
      if (sequence !== undefined) {
        bytes.push(...sequence);
        continue;
      }
      if (left === 0) break;
      left -= 1;
      if (!masked) bytes.push(byte);
      else if (!this.#lastWasMasked) bytes.push(...mask);
      this.#lastWasMasked = masked;
    }
    this.#held = this.#held.slice(at);
    this.#heldBytes -= count;
    return Buffer.concat([...this.#decided.splice(0), Buffer.from(bytes)]);
  }
}

type Held = {readonly byte: number; masked: boolean; readonly sequence: Buffer | undefined};

/** The lines of values: a terminal puts `\r\n` between them, and programs print them one by one. */
export function linesOf(values: readonly Uint8Array[]): Buffer[] {
  return values.flatMap((value) => {
    const text = Buffer.from(value).toString('latin1');
    return text.split(/\r?\n/).map((line) => Buffer.from(line.trim(), 'latin1'));
  });
}

/** As a terminal shows it, byte by byte: a value may have colours itself. */
function withoutSequences(value: Uint8Array): Uint8Array {
  const kept: number[] = [];
  for (let at = 0; at < value.length; at++) {
    const end = value[at] === escape && value[at + 1] === bracket ? endOfSequence(value, at + 2) : undefined;
    if (end === undefined) kept.push(value[at]!);
    else at = end;
  }
  return Buffer.from(kept);
}

/** ECMA-48: parameters and intermediates are 0x20 to 0x3f, the final byte is 0x40 to 0x7e. */
function endOfSequence(value: Uint8Array, start: number): number | undefined {
  let at = start;
  while (at < value.length && value[at]! >= 0x20 && value[at]! <= 0x3f) at++;
  return at < value.length && value[at]! >= 0x40 && value[at]! <= 0x7e ? at : undefined;
}

/** The automaton, as arrays of numbers: a value of a megabyte has a million states. */
class Trie {
  /** How long the beginning of a value is that a state stands for. */
  readonly depth: Uint32Array;
  /** The longest value that ends in a state; 0 for none. */
  readonly matched: Uint32Array;
  readonly #byte: Uint8Array;
  readonly #child: Uint32Array;
  readonly #sibling: Uint32Array;
  readonly #fallback: Uint32Array;
  #count = 1;

  constructor(values: readonly Uint8Array[]) {
    const size = 1 + values.reduce((sum, {length}) => sum + length, 0);
    [this.depth, this.matched, this.#child, this.#sibling, this.#fallback] = Array.from(
      {length: 5},
      () => new Uint32Array(size),
    ) as [Uint32Array, Uint32Array, Uint32Array, Uint32Array, Uint32Array];
    this.#byte = new Uint8Array(size);
    for (const value of values) {
      let state = 0;
      for (const byte of value) state = this.#find(state, byte) || this.#add(state, byte);
      this.matched[state] = value.length;
    }
    this.#linkFallbacks();
  }

  next(state: number, byte: number): number {
    for (let each = state; ; each = this.#fallback[each]!) {
      const found = this.#find(each, byte);
      if (found !== 0 || each === 0) return found;
    }
  }

  #find(state: number, byte: number): number {
    let child = this.#child[state]!;
    while (child !== 0 && this.#byte[child] !== byte) child = this.#sibling[child]!;
    return child;
  }

  #add(state: number, byte: number): number {
    const added = this.#count++;
    this.#byte[added] = byte;
    this.depth[added] = this.depth[state]! + 1;
    this.#sibling[added] = this.#child[state]!;
    this.#child[state] = added;
    return added;
  }

  /** Breadth first: the fallback of a state is less deep than the state. */
  #linkFallbacks(): void {
    const queue = new Uint32Array(this.#count);
    let end = 1;
    for (let at = 0; at < end; at++) {
      const state = queue[at]!;
      for (let child = this.#child[state]!; child !== 0; child = this.#sibling[child]!) {
        const fallback = state === 0 ? 0 : this.next(this.#fallback[state]!, this.#byte[child]!);
        this.#fallback[child] = fallback;
        this.matched[child] ||= this.matched[fallback]!;
        queue[end++] = child;
      }
    }
  }
}
