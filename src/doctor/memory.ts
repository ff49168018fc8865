import {readCoreLimit, readCorePattern} from '../kernel/core-dump.ts';
import {readKernelText} from '../kernel/kernel-file.ts';
import {readSwaps} from '../kernel/swap.ts';
import type {DoctorContext} from './context.ts';
import type {Finding} from './finding.ts';

/** Where a page of memory can be written that holds a key of the fuse engine, or a secret of the session. */
export function examineSwap({roots, uid}: DoctorContext): Finding {
  const finding = {id: 'swap', title: 'Swap'} as const;
  const swaps = readSwaps(roots);
  const names = (keeps: string): string[] => swaps.filter((swap) => swap.keeps === keeps).map(({path}) => path);
  const [plain, unknown] = [names('plain'), names('unknown')];
  if (swaps.length === 0) return {...finding, verdict: 'ok', detail: 'No swap is active.'};
  const [worst] = [...plain, ...unknown];
  if (worst === undefined) return {...finding, verdict: 'ok', detail: 'It is encrypted or stays in memory.'};
  return {
    ...finding,
    verdict: 'warning',
    detail:
      plain.length > 0
        ? `Memory can be swapped out unencrypted to ${plain.join(', ')}: the fuse engine’s key, or a session’s data.`
        : `TazPod cannot tell from here whether ${unknown.join(', ')} is encrypted.`,
    fix: `${uid === 0 ? '' : 'sudo '}swapoff ${worst}`,
  };
}

/** cryptsetup's own default for argon2id, and the least that makes guessing hard. */
const usualMemoryKiB = 1024 * 1024;
const leastMemoryKiB = 64 * 1024;

/** Memory for key derivation: argon2id is killed by the kernel where it needs more than there is. */
export function examineMemory({kdfMemoryLimitKiB}: DoctorContext): Finding {
  const finding = {id: 'memory', title: 'Memory'} as const;
  const limitKiB = kdfMemoryLimitKiB();
  const limit = limitKiB >= usualMemoryKiB ? 'more than 1 GiB' : `${Math.floor(limitKiB / 1024)} MiB`;
  if (limitKiB >= usualMemoryKiB) {
    return {
      ...finding,
      verdict: 'ok',
      detail: `A key derivation can use ${limit}, which is enough for cryptsetup's defaults.`,
    };
  }
  return {
    ...finding,
    verdict: 'warning',
    detail:
      `A key derivation can use ${limit}: a vault from a machine with more may not open here. ` +
      (limitKiB >= leastMemoryKiB ? 'New vaults are created to fit.' : 'New vaults cannot use argon2id.'),
    ...(limitKiB >= leastMemoryKiB ? {} : {fix: 'tazpod vault create --pbkdf pbkdf2'}),
  };
}

/** Where the memory of a process goes that crashes. */
export function examineCoreDumps({roots}: DoctorContext): Finding {
  const finding = {id: 'core-dumps', title: 'Core dumps'} as const;
  const pattern = readCorePattern(roots);
  if (pattern === undefined || pattern.to === 'nowhere') {
    return {...finding, verdict: 'ok', detail: 'The kernel writes no core dumps.'};
  }
  const program = pattern.target.split(' ')[0] ?? '';
  const goesTo = {
    file: 'They go to files; a ghost and its session switch them off.',
    pipe: `They go to ${program}, regardless of their limit; those of a ghost and its session leave out memory.`,
    socket: `They go to the socket ${program}, regardless of their limit; those of a ghost and its session leave out memory.`,
  }[pattern.to];
  const filter = readKernelText(`${roots.proc}/self/coredump_filter`) !== undefined;
  const limited = pattern.to === 'pipe' && (readCoreLimit('self', roots)?.hard ?? 0) > 0;
  if (pattern.to === 'file' || filter || limited) return {...finding, verdict: 'ok', detail: goesTo};
  return {
    ...finding,
    verdict: 'warning',
    detail: `They go to ${program}, regardless of their limit, and this kernel cannot leave out memory.`,
    fix: 'sudo sysctl -w kernel.core_pattern=core',
  };
}
