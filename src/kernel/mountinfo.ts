import {readFileSync} from 'node:fs';
import {isBelow, isWithin} from '../foundation/path-within.ts';
import {kernelRoots, type KernelRoots} from './kernel-file.ts';
import {decodeOctalEscapes} from './octal-escape.ts';

/** One mount of a mount namespace: a line of /proc/PID/mountinfo, see proc_pid_mountinfo(5). */
export type Mount = {
  /** Unique among the mounts of the machine at one moment; used again after umount. */
  readonly id: number;
  /** The mount that this one lies on; its own id for the top of the tree. */
  readonly parentId: number;
  /** Device number of the file system: what stat(2) says of its files, except on btrfs and overlayfs. */
  readonly major: number;
  readonly minor: number;
  /** The directory of the file system that is mounted; the kernel adds `//deleted` to one that was removed. */
  readonly root: string;
  /** Where it is mounted, seen from the root of the process that was asked. For eyes: see `mountPointBytes`. */
  readonly mountPoint: string;
  /** The same byte for byte: a path need not be UTF-8. */
  readonly mountPointBytes: Buffer;
  /** Options of this mount: `rw`, `nosuid`, `nodev`, `relatime` … */
  readonly options: readonly string[];
  readonly propagation: Propagation;
  readonly fsType: string;
  /** What the file system calls its source: a device, a name, `none`. Free text, which the mounting process chose. */
  readonly source: string;
  /** Options of the file system itself. */
  readonly superOptions: readonly string[];
};

/** The optional fields; see Documentation/filesystems/sharedsubtree.rst. A mount with none of them is private. */
export type Propagation = {
  /** Peer group that it shares mounts with, both ways. */
  readonly shared?: number;
  /** Peer group that it receives mounts from. */
  readonly master?: number;
  /** Nearest peer group under the reader's root that it receives from. */
  readonly propagateFrom?: number;
  readonly unbindable: boolean;
};

/** The mounts in the order of the kernel's table. Malformed lines are left out. */
export function parseMountinfo(table: Buffer): Mount[] {
  // latin1 maps each byte to one character and back, so that splitting never breaks a byte sequence.
  return table
    .toString('latin1')
    .split('\n')
    .flatMap((line) => parseLine(line) ?? []);
}

/**
 * The mounts that a process sees. Throws ENOENT or ESRCH when there is no such process, EACCES when the caller may not
 * look. Another process of the same user may be looked at even when its namespaces may not be entered.
 */
export function readMounts(pid: number | 'self', roots: KernelRoots = kernelRoots): Mount[] {
  return parseMountinfo(readFileSync(`${roots.proc}/${pid}/mountinfo`));
}

/**
 * Every mount whose mount point is `path`, the one that is seen there last.
 *
 * Mounts stack, and a mount can also be buried by one over a directory above it. Both stay in the table under the same
 * path, and their order in it means nothing after a move. Which is on top follows from the parents: the way from the
 * root to the path is walked as the kernel walks it.
 */
export function mountsAt(mounts: readonly Mount[], path: string | Buffer): Mount[] {
  const target = Buffer.from(path);
  const stack = visibleStack(mounts, target);
  const buried = mounts.filter((mount) => mount.mountPointBytes.equals(target) && !stack.includes(mount));
  return [...buried, ...stack];
}

/** The mount that a path of its namespace is on: the one with the longest mount point above it, of several the last. */
export function mountOf(path: string, mounts: readonly Mount[]): Mount | undefined {
  return mounts
    .filter(({mountPoint}) => isWithin(path, mountPoint))
    .reduce<Mount | undefined>(
      (best, each) => (best !== undefined && best.mountPoint.length > each.mountPoint.length ? best : each),
      undefined,
    );
}

/**
 * Directories of a control group and of all groups above it that are mounted, from the top. A container often sees its
 * own group mounted as the root, under a path that only the host knows: what the mount does not show is left away.
 */
export function shownLevels({root, mountPoint}: Pick<Mount, 'root' | 'mountPoint'>, path: string): string[] {
  const below = root === '/' ? path : isBelow(path, root) ? path.slice(root.length) : '/';
  const names = below.split('/').filter((name) => name !== '' && name !== '..');
  return names.reduce((levels, name) => [...levels, `${levels.at(-1)!}/${name}`], [mountPoint]);
}

/** The mounts at `path` that are not buried, bottom first. The last one is what a path lookup reaches. */
function visibleStack(mounts: readonly Mount[], path: Buffer): Mount[] {
  const ids = new Set(mounts.map((mount) => mount.id));
  const passed: Mount[] = [];
  const stack: Mount[] = [];
  for (const prefix of prefixes(path)) {
    for (;;) {
      const current = passed.at(-1);
      const next = mounts.find(
        (mount) =>
          mount.mountPointBytes.equals(prefix) &&
          !passed.includes(mount) &&
          // The root of a process that changed it need not be a mount: then the first mounts hang on nothing listed.
          (current === undefined
            ? mount.parentId === mount.id || !ids.has(mount.parentId)
            : mount.parentId === current.id),
      );
      if (next === undefined) break;
      passed.push(next);
      if (prefix.equals(path)) stack.push(next);
    }
  }
  return stack;
}

/** `/`, `/home`, `/home/u` for `/home/u`. */
function prefixes(path: Buffer): Buffer[] {
  const found: Buffer[] = [Buffer.from('/')];
  for (let index = 1; index <= path.length; index++) {
    if (path.length > 1 && (index === path.length || path[index] === 0x2f)) found.push(path.subarray(0, index));
  }
  return found;
}

/** 36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue */
function parseLine(line: string): Mount | undefined {
  const fields = line.split(' ');
  const end = fields.indexOf('-', 6);
  const [id, parentId, device, root, mountPoint, options] = fields;
  const [fsType, source, superOptions] = fields.slice(end + 1);
  const [, major, minor] = /^(\d+):(\d+)$/.exec(device ?? '') ?? [];
  if (end === -1 || root === undefined || mountPoint === undefined || options === undefined) return undefined;
  if (fsType === undefined || source === undefined || major === undefined || minor === undefined) return undefined;
  const mountPointBytes = bytes(mountPoint);
  return {
    id: Number(id),
    parentId: Number(parentId),
    major: Number(major),
    minor: Number(minor),
    root: text(root),
    mountPoint: mountPointBytes.toString(),
    mountPointBytes,
    options: list(options),
    propagation: parsePropagation(fields.slice(6, end)),
    fsType: text(fsType),
    source: text(source),
    // A file system may show no options at all; the field is then empty or, at the end of a line, not there.
    superOptions: list(superOptions ?? ''),
  };
}

function parsePropagation(tags: readonly string[]): Propagation {
  const group = (name: string): number | undefined => {
    const tag = tags.find((candidate) => candidate.startsWith(`${name}:`));
    return tag === undefined ? undefined : Number(tag.slice(name.length + 1));
  };
  const [shared, master, propagateFrom] = [group('shared'), group('master'), group('propagate_from')];
  return {
    ...(shared === undefined ? {} : {shared}),
    ...(master === undefined ? {} : {master}),
    ...(propagateFrom === undefined ? {} : {propagateFrom}),
    unbindable: tags.includes('unbindable'),
  };
}

/** A comma inside an option is escaped, so the list is split before the escapes are taken back. */
function list(field: string): string[] {
  return field === '' ? [] : field.split(',').map(text);
}

function text(field: string): string {
  return bytes(field).toString();
}

function bytes(field: string): Buffer {
  return decodeOctalEscapes(Buffer.from(field, 'latin1'));
}
