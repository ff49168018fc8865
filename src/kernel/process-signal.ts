import {isAlive, type ProcessIdentity} from './process.ts';

/**
 * Sends a signal to one process, and to no other that got its pid since. Returns false when the process has ended.
 * Throws EPERM when the caller may not signal it.
 *
 * The start time is compared right before kill(2). A pidfd would close the gap between the two, but Node.js has no
 * pidfd_open(2), and a program that is started to use one would find its pid by number too. The gap is some
 * microseconds in which the process would have to end, be waited for by its parent, and every other free pid be
 * used (pids are given out in a circle). What must hit its target alone is sent to a child of the caller's own, whose
 * pid cannot be used again before the caller has waited for it.
 */
export function signalProcess(target: ProcessIdentity, signal: NodeJS.Signals): boolean {
  if (!isAlive(target)) return false;
  try {
    process.kill(target.pid, signal);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
    throw error;
  }
}
