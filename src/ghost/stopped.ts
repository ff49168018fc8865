import {identifyFile} from '../kernel/file-identity.ts';
import {lockHolders} from '../kernel/file-lock.ts';
import {readProcessStatus} from '../kernel/process-record.ts';
import {continueStopped, descendantsOf, identifyProcess, isAlive, type ProcessIdentity} from '../kernel/process.ts';

/**
 * Continues what is stopped of these ghosts, and of any process that holds the lock of an image: a ghost that is
 * opening it, a block server whose ghost has died. A process that is stopped would keep the vault open, or busy, for as
 * long as it lives.
 *
 * Safe as root: the image is the caller's own. A holder counts only if it runs as this process does, so that a user
 * cannot make root continue another user's process by taking the lock of an image in it. SIGCONT to a program that is
 * not stopped is not sent.
 */
export function wakeAround(imageFd: number, ghosts: readonly ProcessIdentity[]): void {
  const holders = lockHolders(identifyFile(imageFd))
    .filter((pid) => pid !== process.pid && isOwn(pid))
    .flatMap((pid) => identifyProcess(pid) ?? []);
  continueStopped(withDescendants([...ghosts, ...holders]));
}

export function withDescendants(processes: readonly ProcessIdentity[]): ProcessIdentity[] {
  return processes.flatMap((each) => [each, ...(isAlive(each) ? descendantsOf(each.pid) : [])]);
}

/** Whether a process runs as the user that this one runs as. */
export function isOwn(pid: number): boolean {
  return readProcessStatus(pid)?.uid.real === process.getuid!();
}

/** A function that does this when it is called, but not more often than that: it takes reading all of /proc. */
export function atMostEvery(intervalMs: number, action: () => void): () => void {
  let nextMs = 0;
  return () => {
    if (performance.now() < nextMs) return;
    action();
    nextMs = performance.now() + intervalMs;
  };
}
