import {setTimeout as sleep} from 'node:timers/promises';
import {formatFileIdentity, identifyFile} from '../kernel/file-identity.ts';
import {tryLockExclusive} from '../kernel/file-lock.ts';
import {displacedVaults, readOpenVaults, type RunningVault} from '../kernel/open-vaults.ts';
import {displaced, openInOtherMode} from '../lifecycle/failures.ts';
import type {Failure} from '../foundation/failure.ts';
import type {InitId, OpenPlan, VolumeKeyDigest} from '../lifecycle/plan.ts';
import type {Caller} from './caller.ts';
import {alreadyOpen, imageLocked} from './failures.ts';
import {atMostEvery, wakeAround} from './stopped.ts';

/** The least time to wait, with any plan: a `status` holds the lock for a moment too. */
const leastWaitMs = 500;
/** After this time TazPod tells the user what it waits for. */
const silentMs = 1000;
/** How often to try. Each try starts a program, so a long wait tries less often. */
const pollMs = {first: 50, later: 200};
/** How often a holder that is stopped is continued. */
const wakeMs = 1000;

/** A ghost that is there and can be joined: a sealed one from here, a private one from outside this namespace. */
export type Joinable = {readonly keyDigest: VolumeKeyDigest} & (
  {readonly isolation: 'sealed'; readonly ghost: RunningVault} | {readonly isolation: 'private'; readonly init: InitId}
);

/** How long an opening ghost may wait in all, and whom it tells. */
export type Patience = {readonly deadlineMs: number; readonly onWait: (why: string) => void};

/**
 * The patience of a plan, from now on. From its own user namespace a private ghost cannot see what it waits for, so its
 * caller waits.
 */
export function patienceOf({waitMs = 0}: OpenPlan, {isolation}: Caller, onWait: (why: string) => void): Patience {
  const patienceMs = isolation === 'private' ? leastWaitMs : Math.max(waitMs, leastWaitMs);
  return {deadlineMs: performance.now() + patienceMs, onWait};
}

/**
 * Takes the lock of the image, or says which ghost of the user's has it. While another process opens or closes the
 * vault it has the lock and no session to join, so this waits until there is one or the lock is free. One that is
 * stopped goes on.
 *
 * Throws a Failure (75) if the vault is open and cannot be joined, or if the time is over.
 */
export async function lockImage(
  imageFd: number,
  caller: Caller,
  plan: OpenPlan,
  {deadlineMs, onWait}: Patience,
): Promise<Joinable | undefined> {
  const imageId = formatFileIdentity(identifyFile(imageFd));
  if (displacedVaults(plan.image, imageId, caller.sessionUid).length > 0) throw displaced();
  const startMs = performance.now();
  const wake = atMostEvery(wakeMs, () => wakeAround(imageFd, []));
  for (let told = false; ;) {
    if (await tryLockExclusive(imageFd)) return undefined;
    const running = readOpenVaults().find((vault) => vault.imageId === imageId && vault.uid === caller.sessionUid);
    const joinable = plan.ifOpen === 'join' ? joinableFor(caller, plan, running) : undefined;
    if (joinable !== undefined) return joinable;
    if (running !== undefined) throw openAlready(running, plan);
    const nowMs = performance.now();
    if (nowMs >= deadlineMs) {
      const waited = Math.round((nowMs - startMs) / 1000);
      throw imageLocked(waited);
    }
    if (!told && nowMs - startMs >= silentMs) {
      onWait(
        `waiting up to ${Math.round((deadlineMs - startMs) / 1000)} s for a process that is opening or closing it`,
      );
      told = true;
    }
    if (nowMs - startMs >= silentMs) wake();
    await sleep(nowMs - startMs < silentMs ? pollMs.first : pollMs.later);
  }
}

function joinableFor(
  {isolation}: Caller,
  {privateGhost, readOnly}: OpenPlan,
  running: RunningVault | undefined,
): Joinable | undefined {
  if (isolation === 'private') return privateGhost && {isolation, ...privateGhost};
  if (running?.readOnly !== readOnly) return undefined;
  return running?.isolation === isolation ? {isolation, keyDigest: running.keyDigest, ghost: running} : undefined;
}

function openAlready({isolation, readOnly}: RunningVault, {ifOpen, ...plan}: OpenPlan): Failure {
  if (ifOpen === 'join' && readOnly !== plan.readOnly) return openInOtherMode(readOnly);
  return alreadyOpen(isolation, ifOpen);
}
