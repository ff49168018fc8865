import {planVersion} from '../lifecycle/plan.ts';
import type {CleanedAction} from './clean.ts';
import {noVaultAt, notLocked} from './failures.ts';
import {askGhost} from './ghost-call.ts';
import type {Presentation} from './presentation.ts';
import {readVaultState} from './state.ts';

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

/** Closes the ghost of an image from outside it, and returns when the kernel says that nobody holds the image. */
export async function lockFromOutside(
  image: string,
  {graceMs, waitMs}: {readonly graceMs: number; readonly waitMs: number},
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
