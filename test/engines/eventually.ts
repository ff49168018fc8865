import {setTimeout as sleep} from 'node:timers/promises';

/** Waits until something is so; throws with `what` when it is not after ten seconds. */
export async function eventually(
  what: string,
  fact: () => boolean | Promise<boolean>,
  timeoutMs = 10_000,
): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (!(await fact())) {
    if (performance.now() > deadline) throw new Error(`never: ${what}`);
    await sleep(5);
  }
}
