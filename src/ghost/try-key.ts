import {WrongPassphrase} from './failures.ts';
import type {KeyReader} from './key-source.ts';
import type {StepRunner} from './step-runner.ts';

/** Asks for the key of an image and tries it, as often as it is worth asking. `attempt` may keep a copy of it. */
export async function tryKey<T>(
  reader: KeyReader,
  steps: StepRunner,
  attempt: (key: Buffer) => Promise<T>,
): Promise<T> {
  for (let tries = 1; ; tries++) {
    const key = await reader.existing();
    steps.begin('unlock');
    try {
      return await steps.step('unlock', () => attempt(key));
    } catch (error) {
      if (!(error instanceof WrongPassphrase)) throw error;
      if (tries === reader.tries) throw error.because(reader.doubt());
    } finally {
      key.fill(0);
    }
  }
}
