import {kernelRoots, listKernelFolder, readKernelFile, type KernelRoots} from './kernel-file.ts';
import {readNamespace, readProcessStat, type ProcessStat} from './process-record.ts';

/**
 * One process and no other. Pids are used again, but they are given out in a circle: within one tick of 10 ms nobody
 * goes all the way round.
 */
export type ProcessIdentity = {readonly pid: number; readonly startTicks: number};

/**
 * Clock ticks a second in the files of /proc (`getconf CLK_TCK`). Not the kernel's own HZ, which varies, but USER_HZ,
 * a part of the ABI: 100 on every architecture that Node.js runs on (include/asm-generic/param.h; only alpha and ia64
 * had others). No program must be asked.
 */
const ticksPerSecond = 100;

/** The pids of all processes that this procfs shows, in ascending order. */
export function allPids(roots: KernelRoots = kernelRoots): number[] {
  return listKernelFolder(roots.proc)
    .filter((name) => /^[1-9]\d*$/.test(name))
    .map(Number)
    .sort((one, other) => one - other);
}

/** The process that has this pid now, if one has. */
export function identifyProcess(pid: number, roots: KernelRoots = kernelRoots): ProcessIdentity | undefined {
  const stat = readProcessStat(pid, roots);
  return stat && identityOf(stat);
}

/** True while the process has not ended. One that has and was not waited for yet (a zombie) is not alive. */
export function isAlive(process: ProcessIdentity, roots: KernelRoots = kernelRoots): boolean {
  const stat = readProcessStat(process.pid, roots);
  return stat !== undefined && stat.startTicks === process.startTicks && !['Z', 'X', 'x'].includes(stat.state);
}

/**
 * When the process started. Exact to a second: /proc/stat gives the boot time (`btime`) in whole seconds, and moves it
 * when the clock is set. Two processes are compared by their ticks, not by this.
 */
export function startedAt(process: ProcessIdentity, roots: KernelRoots = kernelRoots): Date | undefined {
  const file = readKernelFile(`${roots.proc}/stat`)?.toString('latin1') ?? '';
  const [, bootSeconds] = /^btime (\d+)$/m.exec(file) ?? [];
  if (bootSeconds === undefined) return undefined;
  return new Date((Number(bootSeconds) + process.startTicks / ticksPerSecond) * 1000);
}

/**
 * The children of a process.
 *
 * Every process is asked for its parent. /proc/PID/task/TID/children would be shorter, but few kernels have it
 * (CONFIG_PROC_CHILDREN), and proc_tid_children(5) says that it may leave children out while others end. This too is a
 * picture of one moment: who must not miss a process that forks meanwhile ends its PID namespace.
 */
export function childrenOf(pid: number, roots: KernelRoots = kernelRoots): ProcessIdentity[] {
  return census(roots)
    .filter((process) => process.ppid === pid)
    .map(identityOf);
}

/** The children of a process, their children and so on, parents before children; without the process itself. */
export function descendantsOf(pid: number, roots: KernelRoots = kernelRoots): ProcessIdentity[] {
  const all = census(roots);
  const found: ProcessStat[] = [];
  const seen = new Set([pid]);
  for (let parents = new Set([pid]); parents.size > 0;) {
    const children = all.filter((process) => parents.has(process.ppid) && !seen.has(process.pid));
    parents = new Set(children.map((child) => child.pid));
    for (const child of parents) seen.add(child);
    found.push(...children);
  }
  return found.map(identityOf);
}

/**
 * Every process in the PID namespace whose init is `init`, and in those nested in it; `init` comes first.
 *
 * All that was born there descends from its init: what loses its parent becomes a child of init, and no process can
 * leave a PID namespace (pid_namespaces(7)). One that entered from outside (`nsenter`) does not descend from it and is
 * found by its namespace, if the caller may see it: root may, the same user only where the session is not sealed.
 */
export function membersOfPidNamespace(init: number, roots: KernelRoots = kernelRoots): ProcessIdentity[] {
  const leader = identifyProcess(init, roots);
  if (leader === undefined) return [];
  const namespace = readNamespace(init, 'pid', roots);
  const descendants = new Set(descendantsOf(init, roots).map(({pid}) => pid));
  const entered = (pid: number): boolean => namespace !== undefined && readNamespace(pid, 'pid', roots) === namespace;
  const others = census(roots).filter(({pid}) => pid !== init && (descendants.has(pid) || entered(pid)));
  return [leader, ...others.map(identityOf)];
}

/**
 * Sends a signal to one process, and to no other that got its pid since. Returns false when the process has ended.
 * Throws EPERM when the caller may not signal it.
 *
 * The start time is compared right before kill(2). A pidfd would close the gap between the two, but Node.js has no
 * pidfd_open(2), and a program that is started to use one would find its pid by number too. The gap is some
 * microseconds in which the process would have to end, be waited for by its parent, and every other free pid be
 * used (pids are given out in a circle). What must hit its target alone is sent to a child of the caller's own, whose
 * pid cannot be used again before the caller has waited for it.
 */
export function signalProcess(target: ProcessIdentity, signal: NodeJS.Signals): boolean {
  if (!isAlive(target)) return false;
  try {
    process.kill(target.pid, signal);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
    throw error;
  }
}

/** Sends SIGCONT to those of the processes that are stopped (state T). Those that may not be signalled are left out. */
export function continueStopped(processes: readonly ProcessIdentity[]): void {
  for (const target of processes) {
    if (readProcessStat(target.pid)?.state !== 'T') continue;
    try {
      signalProcess(target, 'SIGCONT');
    } catch {
      // Another user's, such as the relay of a session's terminal.
    }
  }
}

/** Every process that there is at one moment. */
function census(roots: KernelRoots): ProcessStat[] {
  return allPids(roots).flatMap((pid) => readProcessStat(pid, roots) ?? []);
}

function identityOf({pid, startTicks}: ProcessStat): ProcessIdentity {
  return {pid, startTicks};
}
