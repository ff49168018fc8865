import {kernelRoots, readKernelText, type KernelRoots} from '../kernel/kernel-file.ts';
import {readMounts} from '../kernel/mountinfo.ts';

/** What the kernel shows where there is no limit is a little less than 2^63. */
const unlimitedBytes = 2 ** 62;

/**
 * Whether this process is in a control group of the first version that limits its memory.
 *
 * There, and only there, a process that needs memory waits until pages of its group are written out (`shrink_folio_list`
 * in mm/vmscan.c, the third case of writeback). A server of such pages that needs memory itself waits for itself then,
 * and everybody for it. Control groups of the second version, and the machine as a whole, never wait like this.
 */
export function hasLegacyMemoryLimit(roots: KernelRoots = kernelRoots): boolean {
  const [, group] =
    /^\d+:(?:[^:\n]*,)?memory(?:,[^:\n]*)?:(\/.*)$/m.exec(readKernelText(`${roots.proc}/self/cgroup`) ?? '') ?? [];
  if (group === undefined) return false;
  return readMounts('self', roots)
    .filter(({fsType, superOptions}) => fsType === 'cgroup' && superOptions.includes('memory'))
    .some(({root, mountPoint}) => {
      // A container sees its own group as the root of the mount, under a path that only the host knows.
      const below = root === '/' ? group : group.startsWith(root) ? group.slice(root.length) : '';
      // The limit that holds: the least of this group's and of those above it.
      const shown = readKernelText(`${mountPoint}/${below}/memory.stat`) ?? '';
      const [, limitBytes] = /^hierarchical_memory_limit (\d+)$/m.exec(shown) ?? [];
      return limitBytes !== undefined && Number(limitBytes) < unlimitedBytes;
    });
}
