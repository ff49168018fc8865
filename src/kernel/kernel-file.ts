import {readFileSync, readdirSync, readlinkSync} from 'node:fs';

/** Where the kernel shows itself. Tests put trees of recorded files in their place. */
export type KernelRoots = {
  /** A mount of procfs, `/proc`. */
  readonly proc: string;
  /** A mount of sysfs, `/sys`. */
  readonly sys: string;
  /** The directory of device nodes, `/dev`. */
  readonly dev: string;
};

export const kernelRoots: KernelRoots = {proc: '/proc', sys: '/sys', dev: '/dev'};

/**
 * What reading says when there is nothing to read: the file is not there, its process or device has gone in the
 * meantime (EIO is what a mapping says that is just being removed), or the caller may not look. Every other error is a
 * fault of this machine and is thrown.
 */
const absent = new Set(['ENOENT', 'ENOTDIR', 'ESRCH', 'EACCES', 'EPERM', 'EIO', 'ENODEV', 'ENXIO', 'EINVAL']);

/** A file of procfs or sysfs, byte for byte; undefined when it is not there or refused. */
export function readKernelFile(path: string): Buffer | undefined {
  return unlessAbsent(() => readFileSync(path));
}

/** A file of procfs or sysfs as text without the newline at its end; undefined when it is not there or refused. */
export function readKernelText(path: string): string | undefined {
  return readKernelFile(path)?.toString('utf8').replace(/\n$/, '');
}

/** A file that holds one number in decimal; undefined when it is not there, refused or holds something else. */
export function readKernelNumber(path: string): number | undefined {
  const text = readKernelText(path);
  return text !== undefined && /^-?\d+$/.test(text) ? Number(text) : undefined;
}

/** The target of a symbolic link; undefined when it is not there or refused. */
export function readKernelLink(path: string): string | undefined {
  return unlessAbsent(() => readlinkSync(path));
}

/** The names in a directory; none when it is not there or refused. */
export function listKernelFolder(path: string): string[] {
  return unlessAbsent(() => readdirSync(path)) ?? [];
}

function unlessAbsent<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (absent.has((error as NodeJS.ErrnoException).code ?? '')) return undefined;
    throw error;
  }
}
