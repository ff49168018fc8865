import {closeSync, constants, openSync} from 'node:fs';
import {noFileLocks} from './failures.ts';
import {identifyFile, sameFile, type FileIdentity} from './file-identity.ts';
import {kernelRoots, listKernelFolder, readKernelText, type KernelRoots} from './kernel-file.ts';
import {allPids} from './process.ts';
import {run} from './program.ts';

/** What flock(1) returns when somebody else has the lock. Its own failures are 1 and those of sysexits.h. */
const conflict = 113;

/**
 * Takes the exclusive flock(2) on an open file without waiting; false when another has it.
 *
 * Node.js has no flock(2), so flock(1) takes the lock on the descriptor that it inherits. The lock belongs to the open
 * file description, which the descriptor here and the one there share: flock(1) ends at once, and the lock lives until
 * the last descriptor of this description is closed, by any end. Note that nobody else may
 * inherit the descriptor: Node.js opens every file with O_CLOEXEC, so only a `descriptors` of `run` gives it away.
 */
export async function tryLockExclusive(fd: number): Promise<boolean> {
  return tryLock('--exclusive', fd);
}

/**
 * True when somebody holds an exclusive lock on the file, found by trying a shared one for a moment.
 *
 * The file is opened again, also for a descriptor: a try on the caller's own description would turn an exclusive lock
 * that it holds into a shared one. For that moment an exclusive try of somebody else fails; a process that opens a
 * vault tries more than once.
 *
 * Throws what open(2) says, ENOENT and EACCES above all.
 */
export async function isLocked(file: string | number): Promise<boolean> {
  const path = typeof file === 'number' ? `/proc/self/fd/${file}` : file;
  const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    return !(await tryLock('--shared', fd));
  } finally {
    closeSync(fd);
  }
}

async function tryLock(kind: '--shared' | '--exclusive', fd: number): Promise<boolean> {
  const {code, stderr} = await run('flock', [kind, '--nonblock', '--conflict-exit-code', String(conflict), '3'], {
    descriptors: [fd],
  });
  if (code === 0) return true;
  if (code === conflict) return false;
  throw noFileLocks(stderr);
}

/** A line of /proc/locks, see proc_locks(5); /proc/PID/fdinfo/N has the same after `lock:`. */
export type FileLock = {
  readonly type: string;
  /** Its taker waits for it and has not got it. */
  readonly waiting: boolean;
  readonly access: string;
  /** Who took it. flock(1) took ours, and is long gone: see `lockHolders`. */
  readonly pid: number;
  /** Device number of the file system's superblock: what stat(2) says, except on btrfs and overlayfs. */
  readonly major: number;
  readonly minor: number;
  readonly ino: bigint;
};

/** `1: FLOCK  ADVISORY  WRITE 359 08:01:1310735 0 EOF`; device numbers are hexadecimal. Other lines are left out. */
export function parseLocks(table: string): FileLock[] {
  return table.split('\n').flatMap((line) => {
    const match =
      /^(?:lock:\s*)?\d+:\s+(->\s+)*([A-Z]+)\s+\S+\s+([A-Z]+)\s+(-?\d+)\s+([0-9a-f]+):([0-9a-f]+):(\d+)\s/.exec(line);
    if (match === null) return [];
    const [, arrow, type, access, pid, major, minor, ino] = match;
    return {
      type: type!,
      waiting: arrow !== undefined,
      access: access!,
      pid: Number(pid),
      major: parseInt(major!, 16),
      minor: parseInt(minor!, 16),
      ino: BigInt(ino!),
    };
  });
}

/**
 * The pids that hold a flock on this file: those with a descriptor whose fdinfo shows the lock, see
 * proc_pid_fdinfo(5). Unlike /proc/locks this finds the holder after flock(1) has ended, in PID namespaces, and on
 * overlayfs. Processes whose descriptors the caller may not see (another user's, a sealed session's) are left out.
 */
export function lockHolders(file: FileIdentity, roots: KernelRoots = kernelRoots): number[] {
  return allPids(roots).filter((pid) => {
    const process = `${roots.proc}/${pid}`;
    return listKernelFolder(`${process}/fdinfo`).some((fd) => {
      const info = readKernelText(`${process}/fdinfo/${fd}`);
      if (!info?.includes('lock:') || !parseLocks(info).some(({type, waiting}) => type === 'FLOCK' && !waiting)) {
        return false;
      }
      try {
        return sameFile(identifyFile(`${process}/fd/${fd}`), file);
      } catch {
        return false;
      }
    });
  });
}
