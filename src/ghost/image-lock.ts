import {setTimeout as sleep} from 'node:timers/promises';
import {formatFileIdentity, identifyFile} from '../kernel/file-identity.ts';
import {tryLockExclusive} from '../kernel/file-lock.ts';
import {readOpenVaults, type RunningVault} from '../kernel/open-vaults.ts';
import {exitCode} from '../lifecycle/exit-code.ts';
import {Failure} from '../lifecycle/failure.ts';
import type {InitId, OpenPlan, VolumeKeyDigest} from '../lifecycle/plan.ts';
import type {Caller} from './caller.ts';

/** How long another that is just about to let go of the image is waited for: a `status` tries its lock too. */
const timeoutMs = 500;

/** A ghost that is there and can be joined: a sealed one from here, a private one from outside this namespace. */
export type Joinable = {readonly keyDigest: VolumeKeyDigest} & (
  {readonly isolation: 'sealed'; readonly ghost: RunningVault} | {readonly isolation: 'private'; readonly init: InitId}
);

/** Takes the lock of the image, or says which ghost of the user's has it. Throws a Failure (75) where neither can be. */
export async function lockImage(imageFd: number, caller: Caller, plan: OpenPlan): Promise<Joinable | undefined> {
  const imageId = formatFileIdentity(identifyFile(imageFd));
  for (const deadline = Date.now() + timeoutMs; ; await sleep(50)) {
    if (await tryLockExclusive(imageFd)) return undefined;
    const running = readOpenVaults().find((vault) => vault.imageId === imageId && vault.uid === caller.sessionUid);
    const joinable = plan.ifOpen === 'join' ? joinableFor(caller, plan, running) : undefined;
    if (joinable !== undefined) return joinable;
    if (Date.now() < deadline) continue;
    throw new Failure(exitCode.busy, 'The vault is open already.', {
      why:
        running === undefined
          ? 'Somebody else, perhaps in another container, holds its image.'
          : whyNotJoined(running, plan.ifOpen),
      next: 'tazpod vault status',
    });
  }
}

function joinableFor(
  {isolation}: Caller,
  {privateGhost}: OpenPlan,
  running: RunningVault | undefined,
): Joinable | undefined {
  if (isolation === 'private') return privateGhost && {isolation, ...privateGhost};
  return running?.isolation === isolation ? {isolation, keyDigest: running.keyDigest, ghost: running} : undefined;
}

function whyNotJoined({isolation}: RunningVault, ifOpen: OpenPlan['ifOpen']): string {
  return ifOpen === 'refuse'
    ? 'A ghost of yours has it, and it was not to be joined.'
    : `A ${isolation} ghost of yours has it, and only another ${isolation} one can join it: --isolation ${isolation}.`;
}
