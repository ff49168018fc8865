import {existsSync} from 'node:fs';
import {setTimeout as sleep} from 'node:timers/promises';
import {exitCode} from '../foundation/exit-code.ts';
import {isLocked} from '../kernel/file-lock.ts';
import {openInOtherMode} from '../lifecycle/failures.ts';
import {alreadyOpen} from './failures.ts';
import type {GhostEnd} from './ghost-call.ts';
import type {OpenRequest} from './open-request.ts';
import type {Presentation} from './presentation.ts';
import {vaultOf} from './running-vaults.ts';

const waitPollMs = 200;
/** After this time TazPod tells the user what it waits for. */
const silentMs = 1000;

/**
 * A private ghost cannot see other private ghosts from inside its user namespace, so the wait for one that opens or
 * closes the vault is here. A key from standard input can be read once only.
 */
export async function callPatiently(
  {image, key, ifOpen, readOnly = false, waitMs = 0}: OpenRequest,
  call: () => Promise<GhostEnd>,
  presentation: Presentation,
): Promise<GhostEnd> {
  const deadlineMs = performance.now() + waitMs;
  for (;;) {
    await untilOpenOrFree(image, deadlineMs, presentation);
    const running = vaultOf(image);
    if (running !== undefined && (running.isolation === 'sealed' || ifOpen === 'refuse'))
      throw alreadyOpen(running.isolation);
    if (running !== undefined && (running.readOnly ?? false) !== readOnly) throw openInOtherMode(running.readOnly);
    const end = await call();
    const missed = end.failure?.code === exitCode.busy && end.vault === undefined;
    if (!missed || key.from === 'stdin' || performance.now() >= deadlineMs) return end;
  }
}

async function untilOpenOrFree(image: string, deadlineMs: number, presentation: Presentation): Promise<void> {
  const startMs = performance.now();
  for (let told = false; existsSync(image) && vaultOf(image) === undefined; await sleep(waitPollMs)) {
    const free = await isLocked(image).then(
      (locked) => !locked,
      // The ghost says why it cannot be opened.
      () => true,
    );
    if (free || performance.now() >= deadlineMs) return;
    if (told || performance.now() - startMs < silentMs) continue;
    presentation.remark('Waiting for another process that is opening or closing the vault.');
    told = true;
  }
}
