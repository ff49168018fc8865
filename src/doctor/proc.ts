import {mountsAt, parseMountinfo} from '../kernel/mountinfo.ts';
import {readKernelFile} from '../kernel/kernel-file.ts';
import type {DoctorContext} from './context.ts';
import type {Finding} from './finding.ts';

/** Whether /proc shows the processes of root: TazPod finds open vaults by the ghosts' inits. */
export function examineProc({roots, uid}: DoctorContext): Finding {
  const finding = {id: 'proc', title: '/proc'} as const;
  const table = readKernelFile(`${roots.proc}/self/mountinfo`);
  const mount = table && mountsAt(parseMountinfo(table), '/proc').at(-1);
  const hidden = mount?.superOptions.find((option) => /^hidepid=(?!0|off)/.test(option));
  if (hidden === undefined || uid === 0) return {...finding, verdict: 'ok', detail: 'It shows every process.'};
  return {
    ...finding,
    verdict: 'warning',
    detail: `It is mounted with ${hidden}: status and list cannot see the sealed sessions that are open; lock can.`,
    fix: 'sudo mount -o remount,hidepid=0 /proc',
  };
}
