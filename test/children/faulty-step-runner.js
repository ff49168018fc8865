// Stands in for dist/ghost/step-runner.js in the copies of the product that the crash tests run: before and after each
// step it can be held. The product itself has no fault point, and so none that could be switched on.
import {appendFileSync, existsSync, readFileSync, writeFileSync} from 'node:fs';
import {setTimeout as sleep} from 'node:timers/promises';
import {fileURLToPath} from 'node:url';
// @ts-expect-error In the copy, the product's own step runner has this name.
import {StepRunner as ProductStepRunner} from './product-step-runner.js';

const folder = fileURLToPath(new URL('../../faults/', import.meta.url));
const pollMs = 3;
let count = 0;

export class StepRunner extends ProductStepRunner {
  #phase = '';

  /** @param {string} phase */
  begin(phase) {
    this.#phase = phase;
    super.begin(phase);
  }

  /**
   * @param {string} id
   * @param {() => unknown} action
   * @param {(result: unknown) => string | undefined} [note]
   */
  async step(id, action, note) {
    const step = `${this.#phase}/${id}`;
    await reach(step, 'before');
    try {
      return await super.step(id, action, note);
    } finally {
      await reach(step, 'after');
    }
  }
}

/**
 * Tells the test, and waits there as long as the test holds this point. The rest of the process goes on: it notices
 * the end of the CLI, and serves what it serves.
 *
 * @param {string} step
 * @param {'before' | 'after'} when
 */
export async function reach(step, when) {
  const point = `${step} ${when}`;
  // Programs that are started in a step may run after it.
  if (when === 'before') writeFileSync(`${folder}place`, step);
  appendFileSync(`${folder}reached`, `${point}\n`);
  const wanted = readFileSync(`${folder}wanted`, 'utf8');
  if (wanted !== point && wanted !== 'every') return;
  const held = `${folder}held/${process.pid}-${++count}`;
  writeFileSync(held, point);
  while (existsSync(held)) await sleep(pollMs);
}
