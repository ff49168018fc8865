import {writeFileSync} from 'node:fs';
import {kernelRoots, readKernelText, type KernelRoots} from './kernel-file.ts';
import {run} from './program.ts';

/** Where the kernel puts the memory of a process that crashed: /proc/sys/kernel/core_pattern, see core(5). */
export type CorePattern = {
  /** A file; a program that gets it as root through a pipe; a program that listens at a socket (Linux 6.16). */
  readonly to: 'nowhere' | 'file' | 'pipe' | 'socket';
  /** The pattern without its mark. */
  readonly target: string;
};

export function parseCorePattern(text: string): CorePattern {
  if (text === '') return {to: 'nowhere', target: ''};
  if (text.startsWith('|')) return {to: 'pipe', target: text.slice(1)};
  if (text.startsWith('@')) return {to: 'socket', target: text.replace(/^@+/, '')};
  return {to: 'file', target: text};
}

/** Undefined where the sysctl is not shown (a kernel without core dumps). */
export function readCorePattern(roots: KernelRoots = kernelRoots): CorePattern | undefined {
  const text = readKernelText(`${roots.proc}/sys/kernel/core_pattern`);
  return text === undefined ? undefined : parseCorePattern(text);
}

/** The limit of a core dump in bytes, Infinity for none. The hard one is what the soft one may be raised to. */
export type CoreLimit = {readonly soft: number; readonly hard: number};

/** RLIMIT_CORE of a process; undefined if it does not exist or the caller may not look. */
export function readCoreLimit(pid: number | 'self' = 'self', roots: KernelRoots = kernelRoots): CoreLimit | undefined {
  return parseCoreLimit(readKernelText(`${roots.proc}/${pid}/limits`) ?? '');
}

/** `Max core file size        0                    unlimited            bytes`, see proc_pid_limits(5). */
export function parseCoreLimit(limits: string): CoreLimit | undefined {
  const [, soft, hard] = /^Max core file size\s+(\d+|unlimited)\s+(\d+|unlimited)\s/m.exec(limits) ?? [];
  const bytes = (text: string): number => (text === 'unlimited' ? Infinity : Number(text));
  return soft === undefined || hard === undefined ? undefined : {soft: bytes(soft), hard: bytes(hard)};
}

/**
 * Keeps the memory of this process, and of every process that it starts from now on, out of core dumps. Returns false
 * when neither way worked.
 *
 * 1. /proc/self/coredump_filter is emptied: a dump then holds registers and notes, but none of the process's memory
 *    (core(5); Documentation/filesystems/proc.rst, 3.4). Children inherit it, also across execve(2) and changes of
 *    credentials. It works against every kind of core_pattern.
 * 2. RLIMIT_CORE becomes one byte. Zero would only do for files: through a pipe the kernel dumps with any limit,
 *    except for the limit of one byte, by which it knows the crash of a dump's own handler and dumps nothing
 *    (`coredump_pipe` in fs/coredump.c). A file of less than a page is not written either. Against a socket (Linux 6.16)
 *    no limit helps, only the filter.
 *
 * Measured on Linux 6.18: with a pipe the limits 0 and 2 dump and 1 does not; with a socket 0 and 1 dump; an empty
 * filter leaves a marker out of the dump that is in it otherwise.
 */
export async function keepOutOfCoreDumps(roots: KernelRoots = kernelRoots): Promise<boolean> {
  const filtered = emptyFilter(roots);
  const limited = await limitToOneByte(roots);
  return filtered || limited;
}

function emptyFilter(roots: KernelRoots): boolean {
  try {
    writeFileSync(`${roots.proc}/self/coredump_filter`, '0');
    return true;
  } catch {
    // A kernel that writes no core dumps has no such file.
    return false;
  }
}

async function limitToOneByte(roots: KernelRoots): Promise<boolean> {
  // Where the hard limit is zero, only CAP_SYS_RESOURCE may raise it to one.
  for (const limit of ['1:1', '0:0']) {
    const {code} = await run('prlimit', ['--pid', String(process.pid), `--core=${limit}`]);
    if (code === 0) return limit === '1:1' || !['pipe', 'socket'].includes(readCorePattern(roots)?.to ?? 'file');
  }
  return false;
}
