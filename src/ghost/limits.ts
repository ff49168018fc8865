import {type Limit, type LimitName, readLimits} from '../kernel/limits.ts';
import {programPath, run} from '../kernel/program.ts';

/** What the caller had: the session gets it back. */
let callers: Partial<Record<LimitName, Limit>> = {};

/**
 * Lifts the limits that the caller has set, for this process and for all that it starts. With `ulimit -f` the block
 * server could not write behind that size of the image, and with `ulimit -t` the kernel would kill it.
 *
 * Safe as root: the processes of the ghost are not the caller's, and what the caller asked for is limited again. Without
 * root a hard limit stays, and what it costs is reported as any other loss.
 */
export async function liftLimits(): Promise<void> {
  callers = readLimits();
  for (const [name, {hard}] of Object.entries(callers)) {
    const limit = (value: string) => run('prlimit', ['--pid', String(process.pid), `--${name}=${value}:${value}`]);
    if ((await limit('unlimited')).code !== 0) await limit(hard);
  }
}

/** Shell code that limits the shell, and what it becomes, as the caller was limited. */
export function callersLimits(): string {
  const options = Object.entries(callers).map(([name, {soft, hard}]) => `--${name}=${soft}:${hard}`);
  return options.length === 0 ? '' : `${programPath('prlimit')} --pid $$ ${options.join(' ')};`;
}
