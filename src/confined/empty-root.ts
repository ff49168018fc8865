import {
  chmodSync,
  closeSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import {isMachinesRoot} from './ids.ts';

/** A root directory for one confined program, and the mounts that its own mount namespace puts there. */
export type EmptyRoot = {
  readonly folder: string;
  /** In the format of fstab(5), for `mount --all`. */
  readonly fstab: string;
  remove(): void;
};

/** Where distributions keep programs and their libraries. On most of them all but the first are links into it. */
const systemFolders = ['usr', 'bin', 'sbin', 'lib', 'lib32', 'lib64', 'libx32'];

/** cryptsetup opens the sources of random numbers; the rest is what any program may take for granted. */
const devices = ['null', 'zero', 'random', 'urandom'];

/** A tmpfs everywhere, and the ghost's own one in a ghost: no path of it is kept by a disk. */
const parent = '/dev/shm';

/**
 * Makes the directories in which a confined program finds /usr, the loader's directories, four devices without memory,
 * and /proc, and nothing else of the machine: no /etc, /home, /run or /tmp, no socket, no other device.
 *
 * Safe as root: the directory is new and root's, in it are empty directories and files and links with constant names,
 * and mounts are made in the mount namespace of the program alone. `remove` takes it away; after a SIGKILL of the ghost
 * the tmpfs goes with the ghost's mount namespace.
 */
export function makeEmptyRoot(): EmptyRoot {
  const folder = mkdtempSync(`${parent}/.tazpod-confined-`);
  try {
    // Not left to the umask: the program has an id of its own, and must be able to read here, and not to write.
    chmodSync(folder, 0o755);
    const lines = [...systemFolders.flatMap((name) => systemFolder(folder, name)), ...deviceFiles(folder)];
    makeFolder(`${folder}/proc`);
    const fstab = `${folder}/fstab`;
    writeFileSync(fstab, [...lines, processes(folder), ''].join('\n'));
    return {folder, fstab, remove: () => rmSync(folder, {recursive: true, force: true})};
  } catch (error) {
    rmSync(folder, {recursive: true, force: true});
    throw error;
  }
}

function systemFolder(folder: string, name: string): string[] {
  const [source, target] = [`/${name}`, `${folder}/${name}`];
  const stat = lstatSync(source, {throwIfNoEntry: false});
  if (stat === undefined) return [];
  if (stat.isSymbolicLink()) {
    symlinkSync(readlinkSync(source), target);
    return [];
  }
  makeFolder(target);
  // In a user's own namespace the kernel lets nobody change the options of the machine's mounts, and nobody is root.
  return [bind(source, target, isMachinesRoot() ? 'rbind,ro' : 'rbind')];
}

function deviceFiles(folder: string): string[] {
  makeFolder(`${folder}/dev`);
  return devices.flatMap((name) => {
    const target = `${folder}/dev/${name}`;
    if (!existsSync(`/dev/${name}`)) return [];
    closeSync(openSync(target, 'wx', 0o644));
    return [bind(`/dev/${name}`, target, 'bind')];
  });
}

/** Of the program's own PID namespace. A container's root may have to do with the one that is there. */
function processes(folder: string): string {
  if (!isMachinesRoot()) return bind('/proc', `${folder}/proc`, 'rbind');
  return `tazpod-confined ${folder}/proc proc nosuid,nodev,noexec 0 0`;
}

function bind(source: string, target: string, options: string): string {
  return `${source} ${target} none ${options} 0 0`;
}

function makeFolder(path: string): void {
  mkdirSync(path);
  chmodSync(path, 0o755);
}
