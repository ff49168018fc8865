import {kernelRoots, readKernelNumber, readKernelText} from '../kernel/kernel-file.ts';
import type {KernelRoots} from '../kernel/kernel-file.ts';
import {readMounts, shownLevels} from '../kernel/mountinfo.ts';
import type {Mount} from '../kernel/mountinfo.ts';
import {inMiB, tooLittleMemory} from './failures.ts';

/** What cryptsetup itself takes beside the memory of argon2: 8 MiB were measured, without its threads. */
const programKiB = 16 * 1024;
/** The same in address space: libraries, and a stack of 8 MiB for each of up to four threads. 51 MiB were measured. */
const addressSpaceKiB = 64 * 1024;

/**
 * Memory in KiB that a key derivation may use in a child of this process before the kernel refuses it or kills
 * somebody: the least of what is available on the machine, what is left in each control group above us, and the
 * resource limits; less what cryptsetup takes beside it. Never negative.
 */
export function kdfMemoryLimitKiB(roots: KernelRoots = kernelRoots): number {
  const memoryKiB = Math.min(availableKiB(roots), ...controlGroupsLeftKiB(roots)) - programKiB;
  const addressKiB = resourceLimitKiB(roots) - addressSpaceKiB;
  return Math.max(0, Math.floor(Math.min(memoryKiB, addressKiB)));
}

/** cryptsetup's own default, and the least that is still a hindrance to somebody who guesses passphrases. */
const defaultPbkdfMemoryKiB = 1024 * 1024;
const leastPbkdfMemoryKiB = 32 * 1024;

/**
 * How much memory a new key slot is to use: what was asked for, else 1 GiB or half of what there is.
 * Throws a Failure (69) where there is too little.
 */
export function boundedPbkdfMemoryKiB(requestedKiB: number | undefined, limitKiB: number): number {
  if (requestedKiB !== undefined) {
    if (requestedKiB <= limitKiB) return requestedKiB;
    throw tooLittleMemory(
      `${inMiB(requestedKiB)} were requested`,
      limitKiB,
      `--pbkdf-memory ${Math.floor(limitKiB / 2)}`,
    );
  }
  const chosenKiB = Math.min(defaultPbkdfMemoryKiB, Math.floor(limitKiB / 2));
  if (chosenKiB >= leastPbkdfMemoryKiB) return chosenKiB;
  throw tooLittleMemory(`argon2id needs ${inMiB(2 * leastPbkdfMemoryKiB)} at least`, limitKiB, '--pbkdf pbkdf2');
}

/** `MemAvailable` (proc(5)): what can be had without swapping. */
function availableKiB(roots: KernelRoots): number {
  const match = /^MemAvailable:\s+(\d+) kB$/m.exec(readKernelText(`${roots.proc}/meminfo`) ?? '');
  return match === null ? Infinity : Number(match[1]);
}

/** The least soft limit on address space and data. */
function resourceLimitKiB(roots: KernelRoots): number {
  const limits = readKernelText(`${roots.proc}/self/limits`) ?? '';
  const soft = [...limits.matchAll(/^Max (?:address space|data size) +(\d+|unlimited) /gm)];
  return Math.min(Infinity, ...soft.map(([, value]) => (value === 'unlimited' ? Infinity : Number(value) / 1024)));
}

/** What is left in each control group from ours to the top, as far as it is shown to us. */
function controlGroupsLeftKiB(roots: KernelRoots): number[] {
  const groups = parseControlGroups(readKernelText(`${roots.proc}/self/cgroup`) ?? '');
  return controlGroupMounts(readMounts('self', roots)).flatMap((mount) => {
    const path = groups.get(mount.version);
    if (path === undefined) return [];
    return shownLevels(mount, path).map((directory) => groupLeftKiB(directory, mount.version));
  });
}

type Version = 'v1' | 'v2';
type GroupMount = {readonly version: Version; readonly root: string; readonly mountPoint: string};

/** The path of this process's group in the hierarchy that accounts for memory: cgroups(7), `/proc/PID/cgroup`. */
function parseControlGroups(text: string): ReadonlyMap<Version, string> {
  const groups = new Map<Version, string>();
  for (const line of text.split('\n')) {
    const match = /^(\d+):([^:]*):(\/.*)$/.exec(line);
    if (match === null) continue;
    const [, number, controllers, path] = match;
    if (number === '0' && controllers === '') groups.set('v2', path!);
    if (controllers!.split(',').includes('memory')) groups.set('v1', path!);
  }
  return groups;
}

/** Where those hierarchies are mounted. */
function controlGroupMounts(mounts: readonly Mount[]): readonly GroupMount[] {
  return mounts.flatMap(({fsType, superOptions, root, mountPoint}): GroupMount[] => {
    if (fsType === 'cgroup2') return [{version: 'v2', root, mountPoint}];
    const accountsMemory = fsType === 'cgroup' && superOptions.includes('memory');
    return accountsMemory ? [{version: 'v1', root, mountPoint}] : [];
  });
}

/**
 * Limit less use. Page cache is counted as use by the kernel, but gives way: it is not counted here.
 * A group without a limit (the root, or one that is not shown) leaves everything.
 */
function groupLeftKiB(directory: string, version: Version): number {
  const names = groupFiles[version];
  const limits = names.limits.map((name) => readKernelNumber(`${directory}/${name}`) ?? Infinity);
  const limitBytes = Math.min(...limits);
  const usageBytes = readKernelNumber(`${directory}/${names.usage}`);
  if (limitBytes === Infinity || usageBytes === undefined) return Infinity;
  const cached = [...(readKernelText(`${directory}/memory.stat`) ?? '').matchAll(names.cache)];
  const cacheBytes = cached.reduce((sum, [, value]) => sum + Number(value), 0);
  return Math.max(0, limitBytes - Math.max(0, usageBytes - cacheBytes)) / 1024;
}

/** Documentation/admin-guide/cgroup-v2.rst and cgroup-v1/memory.rst. A v2 limit of "max" is no number, and none. */
const groupFiles = {
  v1: {
    limits: ['memory.limit_in_bytes'],
    usage: 'memory.usage_in_bytes',
    cache: /^total_(?:in)?active_file (\d+)$/gm,
  },
  v2: {limits: ['memory.max', 'memory.high'], usage: 'memory.current', cache: /^(?:in)?active_file (\d+)$/gm},
} as const;
