import {openSync, unlinkSync, writeFileSync} from 'node:fs';
import {run} from '../../kernel/program.ts';
import {mountsAt, readMounts} from '../../kernel/mountinfo.ts';
import {bareMount} from '../bare-mount.ts';
import {noReadOnlyImage} from '../failures.ts';

/**
 * Opens an open file again, through a read-only mount. A loop device reopens its file for writing if it can, and file
 * permissions do not stop root. This descriptor does: the loop device is read-only, and every write to it fails.
 *
 * Safe as root: constant programs and arguments, an open descriptor, and a path in a directory that only root can enter.
 * The mount is in the ghost's own mount namespace, and is gone when this returns; the descriptor keeps what it needs.
 */
export async function openThroughReadOnlyMount(fileFd: number, folder: string): Promise<number> {
  const path = `${folder}/read-only-image`;
  writeFileSync(path, '', {flag: 'wx', mode: 0o600});
  try {
    const bound = await run('mount', [...bareMount, '--bind', '-o', 'ro', '/proc/self/fd/3', path], {
      descriptors: [fileFd],
    });
    const isReadOnly = mountsAt(readMounts('self'), path).at(-1)?.options.includes('ro');
    if (bound.code === 0 && isReadOnly) return openSync(path, 'r');
    throw noReadOnlyImage(bound.stderr);
  } finally {
    await run('umount', [...bareMount, '--lazy', path]);
    unlinkSync(path);
  }
}
