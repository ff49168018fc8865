import {writeFileSync} from 'node:fs';
import {
  allPids,
  continueStopped,
  type ProcessIdentity,
  identifyProcess,
  isAlive,
  signalProcess,
} from '../kernel/process.ts';
import {lockedMarker} from '../lifecycle/init-label.ts';

/**
 * Closes the ghost that this process lives in: leaves word that it was a lock, then SIGHUP to every process of the
 * session, and SIGKILL after the grace time. The session has no privilege to end its init with, and needs none: the
 * init ends with the user's shell, and takes along what is left.
 */
export function lockFromInside(graceMs: number): void {
  try {
    writeFileSync(`/dev/shm/${lockedMarker}`, '', {flag: 'wx', mode: 0o600});
  } catch {
    // Somebody locks it already.
  }
  const others: ProcessIdentity[] = allPids()
    .filter((pid) => pid !== 1 && pid !== process.pid)
    .flatMap((pid) => identifyProcess(pid) ?? []);
  process.on('SIGHUP', () => {});
  signalAll(others, 'SIGHUP');
  // What is stopped acts on it only when it goes on.
  continueStopped(others);
  const deadline = Date.now() + graceMs;
  // The end of the shell ends this process too; the wait is for shells that do not listen.
  const timer = setInterval(() => {
    if (Date.now() < deadline && others.some((other) => isAlive(other))) return;
    clearInterval(timer);
    signalAll(others, 'SIGKILL');
  }, 20);
}

function signalAll(processes: readonly ProcessIdentity[], signal: NodeJS.Signals): void {
  for (const each of processes) {
    try {
      signalProcess(each, signal);
    } catch {
      // The relay of the session's terminal is root's; it ends with the shell behind it.
    }
  }
}
