import {readKernelNumber} from '../kernel/kernel-file.ts';
import type {DoctorContext} from './context.ts';
import type {Finding} from './finding.ts';

/**
 * Whether one process of the user may look into another (kernel.yama.ptrace_scope). A sealed session is closed to it
 * either way. The shell that `tazpod unlock` is typed in is outside, and has the terminal open that the passphrase is
 * typed at: who may look into it may copy that open file with pidfd_getfd(2), and read along.
 */
export function examineTracing({roots, uid}: DoctorContext): Finding {
  const finding = {id: 'tracing', title: 'Tracing'} as const;
  const scope = readKernelNumber(`${roots.proc}/sys/kernel/yama/ptrace_scope`);
  if (uid === 0) return {...finding, verdict: 'ok', detail: 'Only root can inspect root’s processes.'};
  if (scope !== undefined && scope > 0) {
    return {...finding, verdict: 'ok', detail: 'Your processes can inspect only their own children.'};
  }
  const where = scope === undefined ? 'this kernel has no Yama' : 'kernel.yama.ptrace_scope is 0';
  return {
    ...finding,
    verdict: 'warning',
    detail: `Any of your processes can inspect your shell and read the passphrase as you type it: ${where}.`,
    ...(scope === undefined ? {} : {fix: 'sudo sysctl -w kernel.yama.ptrace_scope=1'}),
  };
}
