import {closeSync, openSync, readFileSync, readSync} from 'node:fs';

/** How often half of a volume key stands in the memory of a process. (OpenSSL keeps the halves apart.) */
export function findInMemory(pid: number, key: Buffer): number {
  const halves = [key.subarray(0, key.length / 2), key.subarray(key.length / 2)];
  const mem = openSync(`/proc/${pid}/mem`, 'r');
  let found = 0;
  for (const line of readFileSync(`/proc/${pid}/maps`, 'utf8').split('\n')) {
    const [, from, to] = /^([0-9a-f]+)-([0-9a-f]+) rw/.exec(line) ?? [];
    if (from === undefined || to === undefined) continue;
    for (const piece of pieces(mem, Number(`0x${from}`), Number(`0x${to}`))) {
      for (const half of halves) {
        for (let at = piece.indexOf(half); at !== -1; at = piece.indexOf(half, at + 1)) found++;
      }
    }
  }
  closeSync(mem);
  return found;
}

/** The memory of a mapping, in pieces that overlap by what one looks for. */
function* pieces(mem: number, from: number, to: number): Generator<Buffer> {
  const step = 16 * 1024 * 1024;
  const piece = Buffer.alloc(step + 64);
  for (let at = from; at < to; at += step) {
    const length = Math.min(piece.length, to - at);
    try {
      yield piece.subarray(0, readSync(mem, piece, 0, length, at));
    } catch {
      // A guard page, or one that the process gave back in the meantime.
    }
  }
}
