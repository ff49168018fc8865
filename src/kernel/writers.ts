import {readdirSync, readFileSync, readlinkSync, statSync} from 'node:fs';
import {allPids} from './process.ts';

/** A process that has a file below a directory open for writing. */
export type Writer = {
  readonly pid: number;
  /** Relative to the directory. */
  readonly path: string;
};

/** O_WRONLY and O_RDWR of asm-generic/fcntl.h, as /proc/PID/fdinfo shows them. */
const writing = 0o3;

/**
 * A process that has a file below a directory open for writing, as far as the kernel shows that to this one: not of
 * other users, and not of other user namespaces. `directory` is an absolute path without symbolic links.
 *
 * What looks the same and lies on another file system is not meant: the same path in another mount namespace.
 */
export function findWriter(directory: string): Writer | undefined {
  const device = orNothing(() => (readdirSync(directory).length === 0 ? undefined : statSync(directory).dev));
  if (device === undefined) return undefined;
  for (const pid of allPids()) {
    const path = openBelow(pid, `${directory}/`, device);
    if (path !== undefined) return {pid, path: path.slice(directory.length + 1)};
  }
  return undefined;
}

function openBelow(pid: number, below: string, device: number): string | undefined {
  return (orNothing(() => readdirSync(`/proc/${pid}/fd`)) ?? [])
    .map((fd) => ({fd, path: orNothing(() => readlinkSync(`/proc/${pid}/fd/${fd}`)) ?? ''}))
    .find(({fd, path}) => path.startsWith(below) && isWritten(pid, fd) && isOn(device, pid, fd))?.path;
}

function isWritten(pid: number, fd: string): boolean {
  const info = orNothing(() => readFileSync(`/proc/${pid}/fdinfo/${fd}`, 'latin1')) ?? '';
  const [, flags = '0'] = /^flags:\s*([0-7]+)$/m.exec(info) ?? [];
  return (parseInt(flags, 8) & writing) !== 0;
}

function isOn(device: number, pid: number, fd: string): boolean {
  return orNothing(() => statSync(`/proc/${pid}/fd/${fd}`))?.dev === device;
}

/** Somebody else's process, or one that has ended meanwhile. */
function orNothing<T>(look: () => T): T | undefined {
  try {
    return look();
  } catch {
    return undefined;
  }
}
