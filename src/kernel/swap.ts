import {statSync} from 'node:fs';
import {majorOf, minorOf} from './file-identity.ts';
import {kernelRoots, listKernelFolder, readKernelFile, readKernelLink, readKernelText} from './kernel-file.ts';
import type {KernelRoots} from './kernel-file.ts';
import {decodeOctalEscapes} from './octal-escape.ts';

/** An active swap area: a line of /proc/swaps, see proc_swaps(5). */
export type Swap = {
  readonly path: string;
  readonly type: 'partition' | 'file';
  readonly sizeBytes: number;
  readonly usedBytes: number;
  /**
   * What becomes of a page that is written there: it stays in memory (zram), it is encrypted (dm-crypt below it),
   * it lies on a disk as it is, or that is not to be seen from here.
   */
  readonly keeps: 'memory' | 'encrypted' | 'plain' | 'unknown';
};

export function readSwaps(roots: KernelRoots = kernelRoots): Swap[] {
  return parseSwaps(readKernelFile(`${roots.proc}/swaps`) ?? Buffer.alloc(0)).map((swap) => ({
    ...swap,
    keeps:
      swap.type === 'partition' ? keptByDevice(swap.path.replace(/^.*\//, ''), roots) : keptByFile(swap.path, roots),
  }));
}

/** The table without what only sysfs knows. Sizes are in KiB there. */
export function parseSwaps(table: Buffer): Omit<Swap, 'keeps'>[] {
  return table
    .toString('latin1')
    .split('\n')
    .flatMap((line) => {
      const [, path, type, size, used] = /^(\S+)\s+(partition|file)\s+(\d+)\s+(\d+)\s+-?\d+\s*$/.exec(line) ?? [];
      if (path === undefined || type === undefined) return [];
      return {
        path: decodeOctalEscapes(Buffer.from(path, 'latin1')).toString(),
        type: type as Swap['type'],
        sizeBytes: Number(size) * 1024,
        usedBytes: Number(used) * 1024,
      };
    });
}

/** By the kernel's name of a block device, `sda2`, `dm-1`, `zram0`. */
function keptByDevice(name: string, roots: KernelRoots): Swap['keeps'] {
  const folder = `${roots.sys}/class/block/${name}`;
  if (readKernelText(`${folder}/dev`) === undefined) return 'unknown';
  if (/^zram\d+$/.test(name)) {
    // Documentation/admin-guide/blockdev/zram.rst: with a backing device it writes idle pages out.
    const backing = readKernelText(`${folder}/backing_dev`) ?? 'none';
    return backing === 'none' ? 'memory' : keptByDevice(backing.replace(/^.*\//, ''), roots);
  }
  return isEncrypted(name, roots) ? 'encrypted' : 'plain';
}

/** A swap file is kept as the device of its file system is. */
function keptByFile(path: string, roots: KernelRoots): Swap['keeps'] {
  try {
    const {dev} = statSync(path, {bigint: true});
    const device = readKernelLink(`${roots.sys}/dev/block/${majorOf(dev)}:${minorOf(dev)}`);
    // btrfs gives its files a device number of its own that sysfs does not have.
    return device === undefined ? 'unknown' : keptByDevice(device.replace(/^.*\//, ''), roots);
  } catch {
    return 'unknown';
  }
}

/** True when dm-crypt lies under a device, at any depth (LVM on LUKS), and under each of its parts. */
function isEncrypted(name: string, roots: KernelRoots, seen: readonly string[] = []): boolean {
  const folder = `${roots.sys}/class/block/${name}`;
  if (readKernelText(`${folder}/dm/uuid`)?.startsWith('CRYPT-') === true) return true;
  const below = listKernelFolder(`${folder}/slaves`).filter((slave) => !seen.includes(slave));
  return below.length > 0 && below.every((slave) => isEncrypted(slave, roots, [...seen, name]));
}
