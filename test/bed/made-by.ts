import {identifyProcess, isAlive} from '../../src/kernel/process.ts';

/**
 * What the bed makes on the machine (a user, a copy of the product, a sudoers file) bears the name of the process that
 * made it. What a killed run has left is known by that, and removed by the next one.
 */
export const madeByThisRun = `${process.pid}.${identifyProcess(process.pid)!.startTicks}`;

/** True when the run that left this mark has ended. False for anything that is no such mark. */
export function makerHasEnded(mark: string): boolean {
  const [, pid, startTicks] = /^(\d+)\.(\d+)$/.exec(mark.trim()) ?? [];
  return pid !== undefined && !isAlive({pid: Number(pid), startTicks: Number(startTicks)});
}

const actions: (() => void)[] = [];

/** Does this when the test run ends, the latest first. Synchronous: nothing else runs by then. */
export function atTheEnd(action: () => void): void {
  if (actions.length === 0) {
    process.once('exit', () => {
      for (const each of actions.reverse()) each();
    });
    for (const signal of ['SIGTERM', 'SIGHUP'] as const) process.once(signal, () => process.exit(1));
  }
  actions.push(action);
}
