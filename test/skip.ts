import type {Context, Runnable, Suite} from 'mocha';

const reasons = new WeakMap<Runnable | Suite, string>();

/**
 * Skips the test, or in a `before` hook all tests of its suite, and says why. Under CI a skip fails the run, so the
 * reason names what this machine lacks: "the kernel has no device-mapper".
 */
export function skip(context: Context, reason: string): never {
  const runnable = context.runnable();
  reasons.set('type' in runnable && runnable.type === 'hook' ? runnable.parent! : runnable, reason);
  return context.skip();
}

/** The reason that a skipped test gave, or that a suite around it gave. */
export function reasonOf(test: Runnable): string {
  for (let here: Runnable | Suite | undefined = test; here !== undefined; here = here.parent) {
    const reason = reasons.get(here);
    if (reason !== undefined) return reason;
  }
  return 'no reason given';
}
