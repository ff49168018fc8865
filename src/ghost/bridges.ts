import {closeSync} from 'node:fs';
import {run} from '../kernel/program.ts';
import {exitCode} from '../lifecycle/exit-code.ts';
import {Failure} from '../lifecycle/failure.ts';
import type {OpenPlan} from '../lifecycle/plan.ts';
import type {Caller} from './caller.ts';
import {openBridge} from './check-plan.ts';

/**
 * Binds directories of the vault over directories of the home, in the ghost's mount namespace only.
 *
 * Safe as root: both ends are directories of the caller's, opened with the caller's ids and through no symbolic link,
 * and the bind is made through the two descriptors: the source by its number, the target as the working folder.
 */
export async function mountBridges(caller: Caller, homeFd: number, plan: OpenPlan): Promise<void> {
  for (const bridge of plan.bridges) {
    const [homeEnd, vaultEnd] = openBridge(caller, homeFd, plan.mountPoint, bridge);
    try {
      const bound = await run('mount', ['--no-canonicalize', '--bind', '/proc/self/fd/3', '.'], {
        descriptors: [vaultEnd],
        cwd: `/proc/${process.pid}/fd/${homeEnd}`,
      });
      if (bound.code !== 0) {
        throw new Failure(exitCode.unavailable, 'A bridge cannot be mounted.', {
          why: bound.stderr.toString('utf8').trim(),
        });
      }
    } finally {
      closeSync(homeEnd);
      closeSync(vaultEnd);
    }
  }
}
