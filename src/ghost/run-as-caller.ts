import {closeSync} from 'node:fs';
import {bound, onlyBelow, programPath, type ProgramResult, type ToolName, run} from '../kernel/program.ts';
import type {Caller} from './caller.ts';
import {makeUserNamespace} from './user-namespace.ts';

/**
 * Runs a system program with the ids of the caller: what the caller may not touch, the program cannot be tricked into.
 * It gets `descriptors` as 3, 4, … and `input` on standard input, and ends with this process. `offline` gives it no network.
 *
 * Safe as root, and not by the ids alone. A plain process of the caller's would be open to every other one: one
 * that stops it in time finds `/proc/PID/root`, and there the ghost's mount namespace with the vault that is about to
 * be mounted in it. So it runs in a user namespace of root's, as the session does, and without a way to a capability.
 */
export async function runAsCaller(
  caller: Caller,
  name: ToolName,
  args: readonly string[],
  descriptors: readonly number[],
  input?: Buffer,
  {offline = false, timeoutMs}: {readonly offline?: boolean; readonly timeoutMs?: number} = {},
): Promise<ProgramResult> {
  const given = {...(input === undefined ? {} : {input}), ...(timeoutMs === undefined ? {} : {timeoutMs})};
  // An empty network namespace: not even the loopback interface of the machine.
  const start = (name: ToolName, ...words: readonly string[]): [ToolName, readonly string[]] =>
    offline ? ['unshare', ['--net', '--', programPath(name), ...words]] : [name, words];
  if (caller.uid === 0) {
    const [, ...command] = bound([programPath(name), ...args]);
    return run(...start('setpriv', ...command), {descriptors, ...given});
  }
  const userFd = await makeUserNamespace();
  const drop = [
    programPath('setpriv'),
    ...[`--reuid=${caller.uid}`, `--regid=${caller.gid}`],
    caller.groups.length > 0 ? `--groups=${caller.groups.join(',')}` : '--clear-groups',
    ...['--inh-caps=-all', '--ambient-caps=-all', '--bounding-set=-all', '--no-new-privs', '--pdeathsig=KILL', '--'],
    ...['/bin/sh', '-c', onlyBelow(process.pid), 'sh'],
  ];
  const enter = [`--user=/proc/self/fd/${3 + descriptors.length}`, '--'];
  try {
    return await run(...start('nsenter', ...enter, ...drop, programPath(name), ...args), {
      descriptors: [...descriptors, userFd],
      ...given,
    });
  } finally {
    closeSync(userFd);
  }
}
