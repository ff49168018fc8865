import {planVersion} from '../lifecycle/plan.ts';
import type {CleanedAction} from './clean.ts';
import {noVaultAt, notLocked, vaultsNotClosed} from './failures.ts';
import {askGhost} from './ghost-call.ts';
import type {Presentation} from './presentation.ts';
import {listOpenVaults, readVaultState} from './state.ts';

/** The `result` of `vault lock --json`. */
export type LockResult = {
  readonly image: string;
  /** False where there was nothing to close. */
  readonly wasOpen: boolean;
  /** How many shells or commands were in it. */
  readonly shells?: number;
  /** What a strategy has done behind it, and what came of each action. */
  readonly cleaned?: readonly CleanedAction[];
};

/** How long the processes of a session get, and how long the vault may then take to close. */
export type LockTimes = {readonly graceMs: number; readonly waitMs: number};

/** Closes the ghost of an image from outside it, and returns when the kernel says that nobody holds the image. */
export async function lockFromOutside(
  image: string,
  {graceMs, waitMs}: LockTimes,
  presentation: Presentation,
): Promise<LockResult> {
  const before = await readVaultState(image);
  if (before.state === 'absent') {
    throw noVaultAt(image);
  }
  if (before.state !== 'open' && before.state !== 'busy') return {image, wasOpen: false};
  const plan = {version: planVersion, operation: 'lock', image, graceMs, waitMs} as const;
  await askGhost(plan, before.session?.isolation, presentation, notLocked);
  return {image, wasOpen: true, ...(before.session === undefined ? {} : {shells: before.session.shells})};
}

/**
 * Closes all open vaults of the user, and hands on each result as it comes. One that does not close keeps none of the
 * others open; the Failure for it comes at the end.
 */
export async function lockAllOpen(
  times: LockTimes,
  presentation: Presentation,
  closed: (result: LockResult) => void,
): Promise<LockResult[]> {
  const results: LockResult[] = [];
  const failures: [image: string, error: unknown][] = [];
  for (const {image} of listOpenVaults()) {
    try {
      const result = await lockFromOutside(image, times, presentation);
      results.push(result);
      closed(result);
    } catch (error) {
      failures.push([image, error]);
    }
  }
  const [first] = failures;
  if (first === undefined) return results;
  if (failures.length === 1) throw first[1];
  const images = failures.map(([image]) => image);
  throw vaultsNotClosed(images, first[1]);
}
