import {workerData} from 'node:worker_threads';
import {SharedState} from './shared-state.ts';

/** What this thread of the server process is started with. */
export type WatchData = {
  /** The memory of the process's SharedState. */
  readonly state: SharedArrayBuffer;
  /** The ghost. */
  readonly parentPid: number;
};

const pollMs = 250;

/**
 * How long nobody has asked for anything, once the ghost is gone, before the vault is taken away. What the kernel
 * writes out at an unmount comes without such a pause.
 */
const idleMs = 1500;

/**
 * A session can hand an open file of the vault to a process outside. A ghost that closes its vault takes the device
 * away from under that file; one that was killed cannot, and the server would live on with the key and the lock of the
 * image for as long as somebody outside pleases. So an orphaned server that nobody uses ends itself. The kernel gives
 * errors to every process that still has something open, as if the disk had been pulled out.
 */
function watch({state: memory, parentPid}: WatchData): void {
  const state = new SharedState(memory);
  let seen = state.activity.taken;
  let idleSince = performance.now();
  state.noteReady();
  setInterval(() => {
    const {taken, resting} = state.activity;
    if (process.ppid === parentPid || taken !== seen || !resting) {
      seen = taken;
      idleSince = performance.now();
    } else if (performance.now() - idleSince >= idleMs) {
      process.kill(process.pid, 'SIGKILL');
    }
  }, pollMs);
}

watch(workerData as WatchData);
