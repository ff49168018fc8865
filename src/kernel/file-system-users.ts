import {kernelRoots, type KernelRoots, listKernelFolder, readKernelLink, readKernelText} from './kernel-file.ts';
import {type Mount, mountOf, readMounts} from './mountinfo.ts';
import {readNamespace, readProcessStat, readProcessStatus} from './process-record.ts';
import {allPids, type ProcessIdentity} from './process.ts';

/** A mount of a file system, as one process of its mount namespace sees it. */
export type SeenMount = Mount & {
  readonly pid: number;
  /** The inode number of the mount namespace. */
  readonly namespace: number;
};

export type FileSystemUser = ProcessIdentity & {
  /** Name of its program, 15 bytes at most. */
  readonly command: string;
  /** Its real user. */
  readonly uid: number;
};

/**
 * Every mount of the file systems of some devices (`8:1`), in each mount namespace that a process lives in, and every
 * process that has a file of them open, mapped, or as its working directory or root. Needs root for other users' processes.
 *
 * No file of theirs is touched: one behind a server that hangs would hold the caller. The kernel tells of each
 * descriptor which mount it came through (proc_pid_fdinfo(5), `mnt_id`), and of each mapped file its device
 * (proc_pid_maps(5)). A mount that was detached lazily is in no table, and who uses it is not found.
 */
export function fileSystemUse(
  devices: ReadonlySet<string>,
  roots: KernelRoots = kernelRoots,
): {readonly mounts: readonly SeenMount[]; readonly users: readonly FileSystemUser[]} {
  if (devices.size === 0) return {mounts: [], users: []};
  const tables = new Map<number, readonly Mount[]>();
  const mounts: SeenMount[] = [];
  const processes = allPids(roots).map((pid) => ({pid, namespace: readNamespace(pid, 'mnt', roots)}));
  for (const {pid, namespace} of processes) {
    if (namespace === undefined || tables.has(namespace)) continue;
    const table = mountsSeenBy(pid, roots);
    if (table === undefined) continue;
    tables.set(namespace, table);
    mounts.push(...table.filter((mount) => isOf(mount, devices)).map((mount) => ({...mount, pid, namespace})));
  }
  const ids = new Set(mounts.map(({id}) => id));
  const users = processes
    .filter(({pid, namespace}) => uses(pid, tables.get(namespace ?? -1) ?? [], ids, devices, roots))
    .flatMap(({pid}) => {
      const stat = readProcessStat(pid, roots);
      const uid = readProcessStatus(pid, roots)?.uid.real;
      if (stat === undefined || uid === undefined) return [];
      return [{pid, startTicks: stat.startTicks, command: stat.comm, uid}];
    });
  return {mounts, users};
}

function uses(
  pid: number,
  table: readonly Mount[],
  ids: ReadonlySet<number>,
  devices: ReadonlySet<string>,
  roots: KernelRoots,
): boolean {
  const folder = `${roots.proc}/${pid}`;
  for (const link of ['cwd', 'root']) {
    const path = readKernelLink(`${folder}/${link}`);
    const mount = path === undefined ? undefined : mountOf(path, table);
    if (mount !== undefined && ids.has(mount.id)) return true;
  }
  const opened = listKernelFolder(`${folder}/fdinfo`).some((fd) => {
    const [, id] = /^mnt_id:\s*(\d+)$/m.exec(readKernelText(`${folder}/fdinfo/${fd}`) ?? '') ?? [];
    return id !== undefined && ids.has(Number(id));
  });
  return opened || mapsFileOf(readKernelText(`${folder}/maps`) ?? '', devices);
}

/** `7f00-7f01 r--p 00000000 fe:01 1234 /path`: the device numbers are hexadecimal. */
function mapsFileOf(maps: string, devices: ReadonlySet<string>): boolean {
  return maps.split('\n').some((line) => {
    const [, major, minor] = /^\S+ \S+ \S+ ([0-9a-f]+):([0-9a-f]+) /.exec(line) ?? [];
    return major !== undefined && devices.has(`${parseInt(major, 16)}:${parseInt(minor!, 16)}`);
  });
}

function mountsSeenBy(pid: number, roots: KernelRoots): Mount[] | undefined {
  try {
    return readMounts(pid, roots);
  } catch {
    // It has ended, or may not be looked at.
    return undefined;
  }
}

function isOf({major, minor}: Mount, devices: ReadonlySet<string>): boolean {
  return devices.has(`${major}:${minor}`);
}
