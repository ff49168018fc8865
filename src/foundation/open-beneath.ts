import {closeSync, constants, openSync} from 'node:fs';

/** O_PATH of asm-generic/fcntl.h, which Node does not name: opened for nothing but its place in the tree. */
export const placeOnly = 0o10000000 | constants.O_NOFOLLOW;

/** A directory on the way to another: search permission is enough, and /home may be 0711. */
export const onTheWay = placeOnly | constants.O_DIRECTORY;

/** A directory that is read and worked in. */
export const directory = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;

/** O_TMPFILE of asm-generic/fcntl.h: a file without a name, in the directory that is opened. */
export const nameless = 0o20000000 | constants.O_DIRECTORY;

/**
 * Opens a path below an opened directory, each name relative to the one before and none through a symbolic link, so
 * that nothing can be put in their places meanwhile. Throws the error of the kernel; its `path` says how far it was.
 */
export function openBeneath(fromFd: number, path: string, flags: number): number {
  const names = path.split('/').filter((name) => name !== '');
  if (names.length === 0) names.push('.');
  let fd = fromFd;
  for (const [index, name] of names.entries()) {
    const above = fd;
    try {
      fd = openSync(`/proc/self/fd/${above}/${name}`, index === names.length - 1 ? flags : onTheWay);
    } catch (error) {
      throw Object.assign(error as NodeJS.ErrnoException, {path: names.slice(0, index + 1).join('/')});
    } finally {
      if (above !== fromFd) closeSync(above);
    }
  }
  return fd;
}

/** Opens an absolute path in the same way. */
export function openStepwise(path: string, flags: number): number {
  const root = openSync('/', onTheWay);
  try {
    return openBeneath(root, path, flags);
  } finally {
    closeSync(root);
  }
}

/** Whether a directory has something of that name, be it a link that leads nowhere. */
export function isTaken(folderFd: number, name: string): boolean {
  try {
    closeSync(openSync(`/proc/self/fd/${folderFd}/${name}`, placeOnly));
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ENOENT';
  }
}
