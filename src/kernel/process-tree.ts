import {kernelRoots, type KernelRoots} from './kernel-file.ts';
import {allPids, readNamespace, readProcessStat, readProcessStatus, type ProcessStat} from './process.ts';

/**
 * The children of a process.
 *
 * Every process is asked for its parent. /proc/PID/task/TID/children would be shorter, but few kernels have it
 * (CONFIG_PROC_CHILDREN), and proc_tid_children(5) says that it may leave children out while others end. This too is a
 * picture of one moment: who must not miss a process that forks meanwhile ends its PID namespace.
 */
export function childrenOf(parent: number, roots: KernelRoots = kernelRoots): number[] {
  return census(roots)
    .filter(({ppid}) => ppid === parent)
    .map(({pid}) => pid);
}

/** The children of a process, their children and so on, parents before children; without the process itself. */
export function descendantsOf(ancestor: number, roots: KernelRoots = kernelRoots): number[] {
  const all = census(roots);
  const found = new Set<number>();
  for (let generation = [ancestor]; generation.length > 0;) {
    const parents = new Set(generation);
    generation = all
      .filter(({pid, ppid}) => parents.has(ppid) && pid !== ancestor && !found.has(pid))
      .map(({pid}) => pid);
    for (const pid of generation) found.add(pid);
  }
  return [...found];
}

/**
 * Every process in the PID namespace whose init is `init`, and in those nested in it; `init` comes first.
 *
 * Where the caller may see the namespaces (root; the same user, unless the session is sealed) the kernel's ids decide.
 * Otherwise it is descent and depth: whatever loses its parent inside the namespace becomes a child of its init, so
 * all that was born there descends from it. A process that entered from outside (`nsenter`) is then missed.
 */
export function membersOfPidNamespace(init: number, roots: KernelRoots = kernelRoots): number[] {
  const depth = readProcessStatus(init, roots)?.nsPids.length;
  if (depth === undefined) return [];
  const namespace = readNamespace(init, 'pid', roots);
  const descendants = new Set(descendantsOf(init, roots));
  const others = allPids(roots).filter((pid) => {
    if (pid === init) return false;
    if (namespace !== undefined && readNamespace(pid, 'pid', roots) === namespace) return true;
    return descendants.has(pid) && (readProcessStatus(pid, roots)?.nsPids.length ?? 0) >= depth;
  });
  return [init, ...others];
}

/** Every process that there is at one moment. */
function census(roots: KernelRoots): ProcessStat[] {
  return allPids(roots).flatMap((pid) => readProcessStat(pid, roots) ?? []);
}
