import {printable} from '../foundation/printable.ts';
import {findRuntimeFolders} from '../vault/runtime-folder.ts';
import type {DoctorContext} from './context.ts';
import type {Finding} from './finding.ts';

/** The directory of the plan and its socket, and the variables that name one that cannot be used. */
export function examineRuntimeFolder({environment, uid}: DoctorContext): Finding {
  const finding = {id: 'temporary', title: 'Temporary files'} as const;
  const {usable, refused} = findRuntimeFolders(environment, uid);
  const [first] = usable;
  const why = refused.map(({variable, path, why}) => `${variable} is ${printable(path, 400)}, and ${why}.`);
  if (first === undefined) {
    const detail = [...why, 'None of /tmp, /var/tmp and /dev/shm is usable.'].join(' ');
    return {...finding, verdict: 'missing', detail, fix: 'export XDG_RUNTIME_DIR="$HOME"'};
  }
  const detail = [...why, `They go to ${printable(first, 400)}.`].join(' ');
  return why.length === 0
    ? {...finding, verdict: 'ok', detail}
    : {...finding, verdict: 'warning', detail, fix: `unset ${refused.map(({variable}) => variable).join(' ')}`};
}
