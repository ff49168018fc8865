import type {GhostMessage} from '../lifecycle/message.ts';
import type {PhaseId, StepId} from '../lifecycle/step.ts';

/** Executes steps and tells each one's progress. */
export class StepRunner {
  readonly #say: (message: GhostMessage) => void;

  constructor(say: (message: GhostMessage) => void) {
    this.#say = say;
  }

  /** The steps of this phase follow. */
  begin(phase: PhaseId): void {
    this.#say({say: 'phase', phase});
  }

  /**
   * Executes one step. Its error goes on to the caller; `note` says in a few words what came of it.
   */
  async step<T>(id: StepId, action: () => T | Promise<T>, note?: (result: T) => string | undefined): Promise<T> {
    const startedMs = performance.now();
    this.#say({say: 'started', step: id});
    try {
      const result = await action();
      const text = note?.(result);
      const ms = Math.round(performance.now() - startedMs);
      this.#say({say: 'done', step: id, ms, ...(text === undefined ? {} : {note: text})});
      return result;
    } catch (error) {
      this.#say({say: 'broken', step: id, why: error instanceof Error ? error.message : 'failed'});
      throw error;
    }
  }

  skip(id: StepId, why: string): void {
    this.#say({say: 'skipped', step: id, why});
  }

  waits(id: StepId, why: string): void {
    this.#say({say: 'waits', step: id, why});
  }

  progress(id: StepId, doneBytes: number, totalBytes: number): void {
    this.#say({say: 'progress', step: id, doneBytes, totalBytes});
  }
}
