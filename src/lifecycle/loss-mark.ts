import {closeSync, openSync} from 'node:fs';

/**
 * The title of a ghost whose image did not take something that was written. `status` reads it: it lives as long as the
 * process and cannot go stale.
 */
export const lossTitle = 'tazpod-ghost-lost-data';

/** The file that says the same in the session's own /dev/shm: the session does not see the ghost. */
export const lossMarker = '/dev/shm/.tazpod-lost-data';

/** Safe as root: the file is made exclusively, so no link of the session's is followed, and nothing is written to it. */
export function showLoss(): void {
  process.title = lossTitle;
  try {
    closeSync(openSync(lossMarker, 'wx', 0o644));
  } catch {
    // It is there already.
  }
}
