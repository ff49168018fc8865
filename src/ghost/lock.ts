import {closeSync, writeFileSync} from 'node:fs';
import {setTimeout as sleep} from 'node:timers/promises';
import {formatFileIdentity, identifyFile} from '../kernel/file-identity.ts';
import {isLocked} from '../kernel/file-lock.ts';
import {readOpenVaults, type RunningVault} from '../kernel/open-vaults.ts';
import {isAlive, membersOfPidNamespace, signalProcess} from '../kernel/process.ts';
import {exitCode} from '../lifecycle/exit-code.ts';
import {Failure} from '../lifecycle/failure.ts';
import type {LockPlan} from '../lifecycle/plan.ts';
import type {Caller} from './caller.ts';
import {openImageForLock} from './plan/check-plan.ts';
import {lockedMarker} from '../lifecycle/init-label.ts';

/** How long the ghost may take to unmount and detach after its session is gone. */
const teardownTimeoutMs = 15_000;
const pollMs = 20;

/**
 * Closes the ghost of an image from outside: SIGHUP to its session, SIGKILL after the grace time, and then the kernel's
 * word that nobody holds the image any more.
 *
 * Safe as root: the image must be the caller's own, and only processes in the PID namespace whose init bears this
 * image's device and inode number, and this user's id, get a signal. That init is root's: what a user's own process
 * says that it is, as the init of a private ghost does, counts only where no line is crossed.
 */
export async function lockVault(caller: Caller, plan: LockPlan): Promise<void> {
  const imageFd = openImageForLock(caller, plan.image);
  try {
    const imageId = formatFileIdentity(identifyFile(imageFd));
    const vaults = readOpenVaults().filter(
      ({imageId: id, uid, isolation}) => id === imageId && uid === caller.sessionUid && isolation === caller.isolation,
    );
    for (const vault of vaults) await endVault(vault, plan.graceMs);
    if (await unlockedWithin(imageFd, vaults.length > 0 ? teardownTimeoutMs : 0)) return;
    throw new Failure(exitCode.busy, 'The vault is still in use.', {
      why:
        vaults.length > 0
          ? 'Its session is gone, but something holds the image.'
          : 'It is being opened right now, or open in another container.',
      next: 'tazpod vault status',
    });
  } finally {
    closeSync(imageFd);
  }
}

async function endVault(vault: RunningVault, graceMs: number): Promise<void> {
  leaveWord(vault);
  for (const member of membersOfPidNamespace(vault.init.pid).slice(1)) signalProcess(member, 'SIGHUP');
  const deadline = Date.now() + graceMs;
  while (isAlive(vault.init) && Date.now() < deadline) await sleep(pollMs);
  // The end of its init is, for the kernel, the end of the whole namespace.
  signalProcess(vault.init, 'SIGKILL');
}

/**
 * Safe as root: the marker is made in the session's own /dev/shm, exclusively and through no link, so nothing that the
 * session has put there is touched; the ghost asks no more than whether it is there.
 */
export function leaveWord(vault: RunningVault): void {
  try {
    writeFileSync(`/proc/${vault.init.pid}/root/dev/shm/${lockedMarker}`, '', {flag: 'wx', mode: 0o600});
  } catch {
    // Left already; or the kernel does not let root look into the session, and its `unlock` ends with 137.
  }
}

async function unlockedWithin(imageFd: number, timeoutMs: number): Promise<boolean> {
  const deadline = Date.now() + timeoutMs;
  while (await isLocked(imageFd)) {
    if (Date.now() >= deadline) return false;
    await sleep(pollMs);
  }
  return true;
}
