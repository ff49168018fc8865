import {statSync} from 'node:fs';
import {kernelRoots, readKernelFile, readKernelLink, type KernelRoots} from './kernel-file.ts';

/** What proc_pid_stat(5) says of a process, as far as it is needed. */
export type ProcessStat = {
  readonly pid: number;
  /** File name of the program, 15 bytes at most. Any byte may be in it, brackets, spaces and newlines too. */
  readonly comm: string;
  /** One letter: `R` running, `S` sleeping, `T` stopped, `Z` ended and not yet waited for … */
  readonly state: string;
  readonly ppid: number;
  readonly processGroup: number;
  readonly session: number;
  /** Device number of the controlling terminal in the kernel's packing, 0 for none. */
  readonly terminalDevice: number;
  /** The terminal's foreground process group, -1 without a terminal. */
  readonly foregroundGroup: number;
  /** Start of the process, in ticks of 10 ms since the machine's boot. */
  readonly startTicks: number;
};

/** What proc_pid_status(5) says of a process, as far as it is needed. */
export type ProcessStatus = {
  readonly pid: number;
  readonly ppid: number;
  readonly uid: Credentials;
  readonly gid: Credentials;
  /** Supplementary groups. */
  readonly groups: readonly number[];
  /**
   * Its pid in each PID namespace, from that of the procfs mount down to its own. Before Linux 4.1, and without PID
   * namespaces in the kernel, only the pid itself.
   */
  readonly nsPids: readonly number[];
  /** Effective capabilities, bit N for capability N of capabilities(7). */
  readonly effectiveCapabilities: bigint;
  readonly boundingCapabilities: bigint;
  readonly noNewPrivileges: boolean;
  readonly seccomp: 'none' | 'strict' | 'filter';
  /** Absent before Linux 4.7. */
  readonly umask?: number;
};

export type Credentials = {
  readonly real: number;
  readonly effective: number;
  readonly saved: number;
  readonly fileSystem: number;
};

const namespaceNames = ['cgroup', 'ipc', 'mnt', 'net', 'pid', 'time', 'user', 'uts'] as const;
export type NamespaceName = (typeof namespaceNames)[number];

/** Undefined for bytes that are no stat line. */
export function parseProcessStat(line: Buffer): ProcessStat | undefined {
  const text = line.toString('latin1');
  // The name may hold anything, but nothing after it holds a bracket.
  const open = text.indexOf('(');
  const close = text.lastIndexOf(')');
  if (open === -1 || close < open) return undefined;
  const pid = Number(text.slice(0, open));
  const [state, ...rest] = text
    .slice(close + 1)
    .trim()
    .split(' ');
  const numbers = rest.map(Number);
  // Fields 4 to 8 and 22 of the manual page, whose third is the state.
  const [ppid, processGroup, session, terminalDevice, foregroundGroup] = numbers;
  const startTicks = numbers[18];
  if (state === undefined || ppid === undefined || processGroup === undefined || session === undefined)
    return undefined;
  if (terminalDevice === undefined || foregroundGroup === undefined || startTicks === undefined) return undefined;
  if (![pid, ppid, startTicks].every((number) => Number.isSafeInteger(number) && number >= 0)) return undefined;
  return {
    pid,
    comm: Buffer.from(text.slice(open + 1, close), 'latin1').toString(),
    state,
    ppid,
    processGroup,
    session,
    // Printed as a signed number.
    terminalDevice: terminalDevice >>> 0,
    foregroundGroup,
    startTicks,
  };
}

/** Undefined for bytes that are no status file. */
export function parseProcessStatus(file: Buffer): ProcessStatus | undefined {
  const fields = new Map<string, string>();
  for (const line of file.toString('latin1').split('\n')) {
    const colon = line.indexOf(':');
    if (colon > 0) fields.set(line.slice(0, colon), line.slice(colon + 1).trim());
  }
  const numbers = (name: string): number[] => (fields.get(name) ?? '').split(/\s+/).filter(Boolean).map(Number);
  const mask = (name: string): bigint => BigInt(`0x${/^[0-9a-f]{1,16}$/.exec(fields.get(name) ?? '')?.[0] ?? '0'}`);
  const [pid] = numbers('Pid');
  const [ppid] = numbers('PPid');
  const [uid, gid] = [credentials(numbers('Uid')), credentials(numbers('Gid'))];
  if (pid === undefined || ppid === undefined || uid === undefined || gid === undefined) return undefined;
  const nsPids = numbers('NSpid');
  const umask = /^[0-7]{3,4}$/.exec(fields.get('Umask') ?? '')?.[0];
  return {
    pid,
    ppid,
    uid,
    gid,
    groups: numbers('Groups'),
    nsPids: nsPids.length === 0 ? [pid] : nsPids,
    effectiveCapabilities: mask('CapEff'),
    boundingCapabilities: mask('CapBnd'),
    noNewPrivileges: numbers('NoNewPrivs')[0] === 1,
    seccomp: (['none', 'strict', 'filter'] as const)[numbers('Seccomp')[0] ?? 0] ?? 'none',
    ...(umask === undefined ? {} : {umask: parseInt(umask, 8)}),
  };
}

/** Program and arguments out of /proc/PID/cmdline: each ends with a zero byte, the last one perhaps without. */
export function parseCommandLine(file: Buffer): Buffer[] {
  const found: Buffer[] = [];
  for (let start = 0; start < file.length;) {
    const zero = file.indexOf(0, start);
    const end = zero === -1 ? file.length : zero;
    found.push(file.subarray(start, end));
    start = end + 1;
  }
  return found;
}

/** Undefined when there is no such process. */
export function readProcessStat(pid: number | 'self', roots: KernelRoots = kernelRoots): ProcessStat | undefined {
  const file = readKernelFile(`${roots.proc}/${pid}/stat`);
  return file && parseProcessStat(file);
}

/** Undefined when there is no such process. */
export function readProcessStatus(pid: number | 'self', roots: KernelRoots = kernelRoots): ProcessStatus | undefined {
  const file = readKernelFile(`${roots.proc}/${pid}/status`);
  return file && parseProcessStatus(file);
}

/**
 * Empty for a kernel thread and for a process that has ended; undefined if no such process exists or the caller may not
 * look.
 */
export function readCommandLine(pid: number | 'self', roots: KernelRoots = kernelRoots): Buffer[] | undefined {
  const file = readKernelFile(`${roots.proc}/${pid}/cmdline`);
  return file && parseCommandLine(file);
}

/**
 * The owner of /proc/PID. Mostly the effective uid; but root's for a process that may not be dumped or that lives in a
 * user namespace of root's, and this owner is who may read `environ`, `fd` and the like. `readProcessStatus` says whose
 * process it is.
 */
export function ownerUid(pid: number, roots: KernelRoots = kernelRoots): number | undefined {
  try {
    return statSync(`${roots.proc}/${pid}`, {throwIfNoEntry: false})?.uid;
  } catch {
    // Mounted with hidepid, or gone between the look-up and the look.
    return undefined;
  }
}

/**
 * The namespaces of a process by the inode number of each, see namespaces(7). Those that the caller may not see (the
 * check is ptrace's) or that this kernel does not have are missing.
 */
export function readNamespaces(
  pid: number | 'self',
  roots: KernelRoots = kernelRoots,
): Partial<Record<NamespaceName, number>> {
  const found: Partial<Record<NamespaceName, number>> = {};
  for (const name of namespaceNames) {
    const id = readNamespace(pid, name, roots);
    if (id !== undefined) found[name] = id;
  }
  return found;
}

/** The inode number of one namespace of a process; undefined when the caller may not see it. */
export function readNamespace(
  pid: number | 'self',
  name: NamespaceName,
  roots: KernelRoots = kernelRoots,
): number | undefined {
  const [, inode] = /^[a-z]+:\[(\d+)\]$/.exec(readKernelLink(`${roots.proc}/${pid}/ns/${name}`) ?? '') ?? [];
  return inode === undefined ? undefined : Number(inode);
}

function credentials([real, effective, saved, fileSystem]: readonly number[]): Credentials | undefined {
  if (real === undefined || effective === undefined || saved === undefined || fileSystem === undefined)
    return undefined;
  return {real, effective, saved, fileSystem};
}
