import {createHash} from 'node:crypto';
import {closeSync, constants, copyFileSync, fstatSync, fsyncSync, ftruncateSync, openSync, rmSync} from 'node:fs';
import {setImmediate as nextTurn} from 'node:timers/promises';
import {readWhole, writeWhole} from '../foundation/whole-bytes.ts';
import type {Presentation} from './presentation.ts';
import {copyDiffers, copyNotWritten, imageChanged} from './failures.ts';

/** How a copy was made, and what is in it. */
export type Copied = {
  readonly sizeBytes: number;
  readonly sha256: string;
  /** `reflink`: both files share their blocks until one is written. */
  readonly method: 'reflink' | 'copy';
};

const chunkBytes = 4 * 2 ** 20;
/** What is left out as a hole if there is nothing but zeros in it. */
const holeBytes = 64 * 2 ** 10;
const zeros = Buffer.alloc(holeBytes);

/** The signals that end a program that does nothing about them. */
const lethal = ['SIGHUP', 'SIGINT', 'SIGQUIT', 'SIGTERM'] as const;

/**
 * Copies an opened file to a new one, syncs it, and compares the two by their digests. The caller keeps others from
 * writing the source; a writer who does not ask is found out by the source's times. Blocks are shared where the file
 * system can, and stretches of zeros become holes.
 *
 * Throws a Failure: 73 for what cannot be written, 74 for a copy that differs, 75 for a source that changed.
 */
export async function copyImage(sourceFd: number, target: string, presentation: Presentation): Promise<Copied> {
  const end = (signal: NodeJS.Signals) => {
    rmSync(target, {force: true});
    // The same signal once more, and nobody left who handles it.
    for (const each of lethal) process.removeAllListeners(each);
    process.kill(process.pid, signal);
  };
  for (const signal of lethal) process.on(signal, end);
  try {
    return await copyAndCompare(sourceFd, target, presentation);
  } catch (error) {
    rmSync(target, {force: true});
    throw copyNotWritten(target, error) ?? error;
  } finally {
    for (const signal of lethal) process.off(signal, end);
  }
}

async function copyAndCompare(sourceFd: number, target: string, presentation: Presentation): Promise<Copied> {
  const before = fstatSync(sourceFd, {bigint: true});
  const sizeBytes = Number(before.size);
  const cloned = clone(sourceFd, target);
  const sha256 = cloned
    ? await digestOf(sourceFd, sizeBytes, (share) => presentation.report('Reading the image', share))
    : await copyBytes(sourceFd, target, sizeBytes, (share) => presentation.report('Copying the image', share));
  const found = await digestOfCopy(target, sizeBytes, (share) => presentation.report('Comparing the copy', share));
  const after = fstatSync(sourceFd, {bigint: true});
  if (after.mtimeNs !== before.mtimeNs || after.size !== before.size) throw imageChanged();
  if (found !== sha256) throw copyDiffers();
  return {sizeBytes, sha256, method: cloned ? 'reflink' : 'copy'};
}

/** Whether the file system could share the blocks of the source. */
function clone(sourceFd: number, target: string): boolean {
  const {COPYFILE_EXCL, COPYFILE_FICLONE_FORCE} = constants;
  try {
    copyFileSync(`/proc/self/fd/${sourceFd}`, target, COPYFILE_EXCL | COPYFILE_FICLONE_FORCE);
    return true;
  } catch (error) {
    // Everything else, such as a directory that cannot be written, the copy will say in its turn.
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') throw error;
    rmSync(target, {force: true});
    return false;
  }
}

async function copyBytes(
  sourceFd: number,
  target: string,
  sizeBytes: number,
  report: (share: number) => void,
): Promise<string> {
  const fd = openSync(target, 'wx', 0o600);
  try {
    ftruncateSync(fd, sizeBytes);
    return await digestOf(sourceFd, sizeBytes, report, (chunk, at) => {
      for (let start = 0; start < chunk.length; start += holeBytes) {
        const part = chunk.subarray(start, start + holeBytes);
        if (!part.equals(zeros.subarray(0, part.length))) writeWhole(fd, part, at + start);
      }
    });
  } finally {
    closeSync(fd);
  }
}

async function digestOfCopy(target: string, sizeBytes: number, report: (share: number) => void): Promise<string> {
  const fd = openSync(target, 'r+');
  try {
    fsyncSync(fd);
    return await digestOf(fd, sizeBytes, report);
  } finally {
    closeSync(fd);
  }
}

async function digestOf(
  fd: number,
  sizeBytes: number,
  report: (share: number) => void,
  take: (chunk: Buffer, at: number) => void = () => {},
): Promise<string> {
  const hash = createHash('sha256');
  const buffer = Buffer.alloc(chunkBytes);
  for (let at = 0; at < sizeBytes;) {
    const chunk = buffer.subarray(0, Math.min(chunkBytes, sizeBytes - at));
    if (readWhole(fd, chunk, at) < chunk.length) throw imageChanged();
    hash.update(chunk);
    take(chunk, at);
    at += chunk.length;
    report(at / sizeBytes);
    await nextTurn();
  }
  return hash.digest('hex');
}
