import {run} from '../kernel/program.ts';
import {exitCode} from '../lifecycle/exit-code.ts';
import {Failure} from '../lifecycle/failure.ts';

/**
 * A place for the files that the vault is opened with: a tmpfs over /tmp, in the ghost's own mount namespace, that only
 * root can enter. No path that a user could change leads into it, and `clear` takes it away before the session begins,
 * so the session finds the machine's /tmp.
 */
export type Staging = {
  readonly folder: string;
  clear(): Promise<void>;
};

/**
 * Safe as root: constant arguments; the mount is in a namespace of the ghost's own, so nobody's /tmp goes away.
 */
export async function mountStaging(): Promise<Staging> {
  const folder = '/tmp';
  const mounted = await run('mount', ['-t', 'tmpfs', '-o', 'mode=0700,nosuid,nodev,noexec', 'tazpod-staging', folder]);
  if (mounted.code !== 0) {
    throw new Failure(exitCode.unavailable, 'The ghost cannot mount a tmpfs.', {
      why: mounted.stderr.toString('utf8').trim(),
      next: 'tazpod doctor',
    });
  }
  return {
    folder,
    // Lazily, because what is mounted in it stays in use below the vault.
    clear: async () => void (await run('umount', ['--lazy', folder])),
  };
}
