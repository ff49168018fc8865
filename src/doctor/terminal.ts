import type {DoctorContext} from './context.ts';
import type {Finding} from './finding.ts';

/** The terminal at which a passphrase would be typed. */
export function examineTerminal({terminal, uid}: DoctorContext): Finding {
  const finding = {id: 'terminal', title: 'Terminal'} as const;
  const here = terminal();
  if (here === undefined) {
    return {...finding, verdict: 'ok', detail: 'There is no terminal; use --passphrase-file for a passphrase.'};
  }
  // After `su` the terminal is still that of the one who logged in.
  if (here.ownerUid !== uid && uid !== 0) {
    return {
      ...finding,
      verdict: 'warning',
      detail: `${here.path} belongs to user ${here.ownerUid}, who can read what you type there.`,
      fix: 'script --quiet /dev/null',
    };
  }
  if ((here.mode & 0o004) !== 0 || (here.mode & 0o040) !== 0) {
    return {
      ...finding,
      verdict: 'warning',
      detail: `${here.path} can be read by others (mode ${here.mode.toString(8)}).`,
      fix: `chmod go-r ${here.path}`,
    };
  }
  return {...finding, verdict: 'ok', detail: `${here.path} is yours.`};
}
