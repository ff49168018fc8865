import {Failure} from '../src/foundation/failure.ts';

/** The Failure that an action ends with. Throws where it succeeds, and what it throws where that is no Failure. */
export async function failureOf(action: () => unknown): Promise<Failure> {
  try {
    await action();
  } catch (error) {
    if (error instanceof Failure) return error;
    throw error;
  }
  throw new Error('nothing failed');
}
