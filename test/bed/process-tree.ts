import {readCommandLine} from '../../src/kernel/process-record.ts';
import {descendantsOf, identifyProcess, isAlive, type ProcessIdentity} from '../../src/kernel/process.ts';
import {until} from './until.ts';

/** What the processes between a terminal and a session are there for. */
export const roles = {
  'the CLI': /\/bin\/run\.js /,
  sudo: /^\S*\bsudo /,
  'the ghost': /\/dist\/ghost\/main\.js /,
  'the block server': /\/dist\/engines\/fuse\/server-process\.js /,
  "the terminal's guard": /^\S*\bsh -c trap [^]*chown /,
  unshare: /^unshare .* --fork /,
  'the init': /^\/bin\/sh -c .* tazpod-init /s,
  'the relay': /^script /,
  "the relay's shell": /^\S*\bsh -c exec 5>/,
  'the shell': /^\/bin\/bash$/,
} as const satisfies Readonly<Record<string, RegExp>>;

export type Role = keyof typeof roles;

export type TreeProcess = ProcessIdentity & {
  readonly command: string;
  /** Undefined: nobody has told this list yet what the process is there for. */
  readonly role: Role | undefined;
};

/** A process and all that descends from it, parents before children. */
export function processTree(rootPid: number): TreeProcess[] {
  const root = identifyProcess(rootPid);
  return [...(root === undefined ? [] : [root]), ...descendantsOf(rootPid)].map((process) => {
    const command = (readCommandLine(process.pid) ?? []).map((word) => word.toString()).join(' ');
    const role = (Object.keys(roles) as Role[]).find((each) => roles[each].test(command));
    return {...process, command, role};
  });
}

/** SIGKILL, which a process that has ended already need not get. */
export function kill(process_: ProcessIdentity, signal: NodeJS.Signals = 'SIGKILL'): void {
  if (isAlive(process_)) process.kill(process_.pid, signal);
}

/** Waits until a process has ended, or has at least done all that a dying process does. */
export function untilDead(process_: ProcessIdentity, withinMs?: number): Promise<true> {
  return until(`process ${process_.pid} ends`, () => !isAlive(process_), withinMs === undefined ? {} : {withinMs});
}
