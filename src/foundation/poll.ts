import {setTimeout as sleep} from 'node:timers/promises';

/** How often is asked again, in milliseconds: a person does not notice it, and a processor hardly. */
const pollMs = 20;

/** Asks until something is so. Returns false if it is not after that time; between two questions it does `meanwhile`. */
export async function pollUntil(
  isSo: () => boolean | Promise<boolean>,
  withinMs: number,
  meanwhile: () => void = () => {},
): Promise<boolean> {
  for (const deadlineMs = performance.now() + withinMs; !(await isSo()); await sleep(pollMs)) {
    if (performance.now() >= deadlineMs) return false;
    meanwhile();
  }
  return true;
}
