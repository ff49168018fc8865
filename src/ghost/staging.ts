import {mkdirSync, rmdirSync} from 'node:fs';
import {run} from '../kernel/program.ts';
import {noTmpfs} from './failures.ts';

/**
 * A place for the files that the vault is opened with: a tmpfs in which only root can list and make files, on the shared
 * memory that is the ghost's own. Others may pass through, because fuse2fs opens the block file with ids of its own; the
 * permissions of each file say who may open it. No path that a user could change leads into it, it covers nothing that
 * was there before (TazPod itself may lie in /tmp), and `clear` takes it away before the session begins.
 */
export type Staging = {
  readonly folder: string;
  clear(): Promise<void>;
};

/**
 * Comes after `mountPrivateSharedMemory`. Safe as root: constant arguments, in a mount namespace of the ghost's own, on
 * a directory in which nobody else has put anything.
 */
export async function mountStaging(): Promise<Staging> {
  const folder = '/dev/shm/.tazpod-staging';
  mkdirSync(folder);
  const mounted = await run('mount', ['-t', 'tmpfs', '-o', 'mode=0711,nosuid,nodev,noexec', 'tazpod-staging', folder]);
  if (mounted.code !== 0) {
    throw noTmpfs(mounted.stderr);
  }
  return {
    folder,
    // Lazily, because what is mounted in it stays in use below the vault.
    clear: async () => {
      await run('umount', ['--lazy', folder]);
      rmdirSync(folder);
    },
  };
}
