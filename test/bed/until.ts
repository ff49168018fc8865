import {setTimeout as sleep} from 'node:timers/promises';

/**
 * How long a fact is waited for by default: much longer than it takes on a slow machine. A machine whose
 * processor is emulated says how long it wants.
 */
const patienceMs = Number(process.env['TAZPOD_TEST_PATIENCE_MS'] ?? 45_000);
const pollMs = 20;

export type UntilOptions = {
  readonly withinMs?: number;
  /** Added to the error when the fact never holds. */
  readonly seen?: () => string;
};

/**
 * Waits until `look` returns something else than undefined or false, and returns that. Throws an error that names the
 * fact when it does not hold in time.
 */
export async function until<T>(
  fact: string,
  look: () => T | undefined | false | Promise<T | undefined | false>,
  {withinMs = patienceMs, seen}: UntilOptions = {},
): Promise<T> {
  for (const deadline = Date.now() + withinMs; ; await sleep(pollMs)) {
    const found = await look();
    if (found !== undefined && found !== false) return found;
    if (Date.now() < deadline) continue;
    throw new Error(`Timed out after ${withinMs} ms waiting until ${fact}.${seen === undefined ? '' : `\n${seen()}`}`);
  }
}
