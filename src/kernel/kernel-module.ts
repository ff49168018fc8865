import {release} from 'node:os';
import {readKernelText} from './kernel-file.ts';

/** Where the modules of the running kernel lie; containers and kernels without modules have no such directory. */
export const modulesFolder = `/lib/modules/${release()}`;

/**
 * How this machine has a kernel module, see modules.dep(5): compiled in, on disk and loaded on demand, or not at all.
 * `name` is without directory and ending, `dm-mod`; the kernel takes `-` and `_` for the same.
 */
export function findKernelModule(name: string, folder: string = modulesFolder): 'builtin' | 'loadable' | undefined {
  const wanted = name.replaceAll('-', '_');
  const lists = (file: string): boolean =>
    (readKernelText(`${folder}/${file}`) ?? '').split('\n').some((line) => {
      // `kernel/drivers/md/dm-mod.ko.xz: kernel/lib/…` in the one, `kernel/fs/fuse/fuse.ko` in the other.
      const [, file] = /([^/:]+)\.ko(?:\.[a-z0-9]+)?(?::|$)/.exec(line) ?? [];
      return file?.replaceAll('-', '_') === wanted;
    });
  if (lists('modules.builtin')) return 'builtin';
  return lists('modules.dep') ? 'loadable' : undefined;
}
