import {kernelRoots, readKernelText, type KernelRoots} from './kernel-file.ts';

/** A resource limit as prlimit(1) and /proc/PID/limits spell it: a number, or `unlimited`. */
export type Limit = {readonly soft: string; readonly hard: string};

/** The limits by which the kernel stops a program in the middle of its work, and how /proc/PID/limits names them. */
const names = {as: 'address space', cpu: 'cpu time', data: 'data size', fsize: 'file size'} as const;

export type LimitName = keyof typeof names;

/** Those of these limits that hold this process back. */
export function readLimits(roots: KernelRoots = kernelRoots): Partial<Record<LimitName, Limit>> {
  const shown = readKernelText(`${roots.proc}/self/limits`) ?? '';
  const limits: Partial<Record<LimitName, Limit>> = {};
  for (const [name, words] of Object.entries(names) as [LimitName, string][]) {
    const [, soft, hard] = new RegExp(`^Max ${words} +(\\d+|unlimited) +(\\d+|unlimited) `, 'm').exec(shown) ?? [];
    if (soft !== undefined && hard !== undefined && soft !== 'unlimited') limits[name] = {soft, hard};
  }
  return limits;
}
