import {writeSync} from 'node:fs';
import {Worker} from 'node:worker_threads';
import {readWhole} from '../../foundation/whole-bytes.ts';
import {ownProgram} from '../../lifecycle/own-files.ts';
import {fuseFd, imageFd, lossExitCode, ready, type ServerOrder} from './server-order.ts';
import type {WatchData} from './orphan-watch.ts';
import {PinnedBlocks} from './pinned-blocks.ts';
import {serveThread, type ThreadData} from './serving-thread.ts';
import {SharedState} from './shared-state.ts';

/** The process that serves a block file, see `server-order.ts`. Its first thread is one of those that serve. */
function main({segment, attributes, keySizeBytes, ids, threads, parentPid}: ServerOrder): void {
  const state = new SharedState();
  const key = readKey(keySizeBytes);
  const served = {...segment, ivTweak: BigInt(segment.ivTweak)};
  const data: ThreadData = {
    fuseFd,
    imageFd,
    segment: served,
    attributes,
    key: key.buffer,
    state: state.memory,
    pinned: PinnedBlocks.read(imageFd, served).memory,
    parentPid,
  };
  const entry = ownProgram('engines/fuse/block-worker');
  const watch: WatchData = {state: state.memory, parentPid};
  new Worker(ownProgram('engines/fuse/orphan-watch'), {
    workerData: watch,
    execArgv: [],
    argv: [],
  }).unref();
  for (let thread = 1; thread < threads; thread++) new Worker(entry, {workerData: data, execArgv: [], argv: []});
  // At the very end: the other threads end as this one does, and Node waits for them.
  process.on('exit', () => {
    if (state.lostSomething) process.exitCode = lossExitCode;
  });
  serveThread(data, () => {
    // And the watch.
    state.waitForReady(threads + 1);
    key.fill(0);
    // All of them have read their programs, which only root may be able to read.
    if (ids !== undefined) becomeNobodyElse(ids);
    writeSync(1, ready);
  });
}

/**
 * Takes ids that nobody else has, in every thread (setuid(2) of libc), and with that gives up the last capabilities. The
 * image is open already. The kernel keeps the last blocks of a disk for root and lets root exceed a quota: neither is so
 * for this process, as it would not be for the user.
 */
function becomeNobodyElse({uid, gid}: NonNullable<ServerOrder['ids']>): void {
  process.setgroups!([]);
  process.setgid!(gid);
  process.setuid!(uid);
}

/** Reads the key from standard input, straight to the place from where it is wiped. */
function readKey(sizeBytes: number): Uint8Array<SharedArrayBuffer> {
  const key = new Uint8Array(new SharedArrayBuffer(sizeBytes));
  if (readWhole(0, key) < sizeBytes) throw new Error('standard input ended before the key did');
  return key;
}

main(JSON.parse(process.argv[2]!) as ServerOrder);
