import {
  closeSync,
  constants,
  fchmodSync,
  fsyncSync,
  mkdirSync,
  openSync,
  renameSync,
  rmdirSync,
  symlinkSync,
  unlinkSync,
  writeSync,
} from 'node:fs';

/**
 * Everything that a pull does to the vault goes through these, each one call of the kernel's that is done or is not.
 * The tests put their faults here: a process that dies between any two of them, a disk that is full.
 */
export type FileOperations = {
  readonly makeFolder: (path: string, mode: number) => void;
  /** Makes a file that is not there, with these bytes. Not on the disk before `syncFile`. */
  readonly writeFile: (path: string, bytes: Uint8Array, mode: number) => void;
  readonly syncFile: (path: string) => void;
  readonly syncFolder: (path: string) => void;
  readonly makeLink: (target: string, path: string) => void;
  readonly rename: (from: string, to: string) => void;
  readonly removeFile: (path: string) => void;
  readonly removeFolder: (path: string) => void;
};

export const realFileOperations: FileOperations = {
  makeFolder: (path, mode) => mkdirSync(path, {mode}),
  writeFile: (path, bytes, mode) => {
    const {O_CREAT, O_EXCL, O_NOFOLLOW, O_WRONLY} = constants;
    const fd = openSync(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode);
    try {
      // The session's umask would take away what a mode of the user's own gives.
      fchmodSync(fd, mode);
      for (let at = 0; at < bytes.length;) at += writeSync(fd, bytes, at);
    } finally {
      closeSync(fd);
    }
  },
  syncFile: (path) => sync(path, constants.O_RDONLY),
  syncFolder: (path) => sync(path, constants.O_RDONLY | constants.O_DIRECTORY),
  makeLink: (target, path) => symlinkSync(target, path),
  rename: (from, to) => renameSync(from, to),
  removeFile: (path) => unlinkSync(path),
  removeFolder: (path) => rmdirSync(path),
};

function sync(path: string, flags: number): void {
  const fd = openSync(path, flags | constants.O_NOFOLLOW);
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}
