import {readKernelText} from '../kernel/kernel-file.ts';
import {findKernelModule} from '../kernel/kernel-module.ts';
import {readNamespace} from '../kernel/process-record.ts';
import type {DoctorContext} from './context.ts';
import type {Finding} from './finding.ts';

/** The namespaces that a ghost enters, and what each is for. */
const needed = {mnt: 'mount', pid: 'PID', ipc: 'IPC', user: 'user'} as const;

/** The kinds of namespaces that this kernel has, see namespaces(7). */
export function examineNamespaces({roots}: DoctorContext): Finding {
  const absent = Object.entries(needed).filter(
    ([name]) => readNamespace('self', name as keyof typeof needed, roots) === undefined,
  );
  return {
    id: 'namespaces',
    title: 'Namespaces',
    ...(absent.length === 0
      ? {verdict: 'ok', detail: `The kernel has ${Object.values(needed).join(', ')} namespaces.`}
      : {verdict: 'missing', detail: `The kernel has no ${absent.map(([, title]) => title).join(', ')} namespaces.`}),
  };
}

/** The file system behind /dev/pts. Since Linux 4.7 each mount of it has terminals of its own. */
export function examineTerminals(context: DoctorContext): Finding {
  const has = knowsFileSystem('devpts', context);
  return {
    id: 'devpts',
    title: 'Private terminals',
    verdict: has ? 'ok' : 'warning',
    detail: has
      ? 'The session gets its own /dev/pts, which no other process can reach.'
      : 'The kernel has no devpts: the session shares your terminal, which other processes of yours can open.',
  };
}

/** Whether the kernel can mount what is in a vault. */
export function examineExt4(context: DoctorContext): Finding {
  const has = hasExt4(context);
  return {
    id: 'ext4',
    title: 'ext4',
    verdict: has ? 'ok' : 'warning',
    detail: has ? 'The kernel mounts the vault.' : 'The kernel has no ext4: fuse2fs serves the vault, which is slower.',
  };
}

export function hasExt4(context: DoctorContext): boolean {
  return knowsFileSystem('ext4', context) || findKernelModule('ext4', context.modulesFolder) !== undefined;
}

/** /proc/filesystems, see proc_filesystems(5): those that are in the kernel now. */
function knowsFileSystem(name: string, {roots}: DoctorContext): boolean {
  const table = readKernelText(`${roots.proc}/filesystems`) ?? '';
  return table.split('\n').some((line) => line.split('\t')[1] === name);
}
