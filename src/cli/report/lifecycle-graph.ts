import type {GhostMessage} from '../../lifecycle/message.ts';
import {phases, type StepId, stepOf} from '../../lifecycle/step.ts';
import {TaskList} from './task-list.ts';

/** How the lifecycle is shown: redrawn in place on a terminal, line by line elsewhere, or not at all. */
export type GraphStyle = 'live' | 'lines' | 'silent';

/** The messages of the ghost that the graph is made of. */
export type StepMessage = Extract<
  GhostMessage,
  {say: 'phase' | 'started' | 'progress' | 'waits' | 'done' | 'skipped' | 'broken'}
>;

type Phase = {readonly steps: readonly StepId[]; readonly ended: Set<StepId>; readonly list: TaskList | undefined};

/**
 * The task graph of the lifecycle as the ghost walks it: a list for each phase, whose tasks end when the ghost says so.
 * Where nothing can be redrawn, each step is a line of its own when it has ended.
 */
export class LifecycleGraph {
  readonly #style: GraphStyle;
  #phase: Phase | undefined;

  constructor(style: GraphStyle) {
    this.#style = style;
  }

  /** Takes a message of the ghost into the picture. */
  async show(message: StepMessage): Promise<void> {
    if (message.say === 'phase') {
      await this.close();
      const steps = phases[message.phase];
      const list = this.#style === 'live' ? new TaskList(steps.map((step) => stepOf(step).title)) : undefined;
      this.#phase = {steps, ended: new Set(), list};
    } else if (message.say !== 'started' && this.#phase?.steps.includes(message.step)) {
      await this.#showStep(message, this.#phase);
    }
  }

  /** Ends the drawing; the terminal is free afterwards. Steps that have not ended are no longer expected to. */
  async close(): Promise<void> {
    const phase = this.#phase;
    this.#phase = undefined;
    await phase?.list?.close();
  }

  async #showStep(message: Exclude<StepMessage, {say: 'phase' | 'started'}>, phase: Phase): Promise<void> {
    const index = phase.steps.indexOf(message.step);
    if (message.say === 'progress') {
      return phase.list?.report(index, `${Math.floor((100 * message.doneBytes) / message.totalBytes)} %`);
    }
    if (this.#style === 'lines') process.stderr.write(`${lineOf(message)}\n`);
    if (message.say === 'waits') return phase.list?.report(index, message.why);
    phase.list?.end(index, titleOf(message), message.say === 'broken' ? 'failed' : message.say);
    phase.ended.add(message.step);
    if (message.say === 'broken' || phase.ended.size === phase.steps.length) await this.close();
  }
}

type StepNews = Extract<StepMessage, {say: 'waits' | 'done' | 'skipped' | 'broken'}>;

const signs = {waits: '…', done: '✔', skipped: '-', broken: '✖'} as const;

function lineOf(message: StepNews): string {
  const title = titleOf(message.say === 'skipped' ? {...message, why: `skipped (${message.why})`} : message);
  return `${signs[message.say]} ${title}`;
}

function titleOf(message: StepNews): string {
  const notes = message.say === 'done' ? [message.note, seconds(message.ms)] : [message.why];
  const shown = notes.filter((note) => note !== undefined && note !== '').join(', ');
  return shown === '' ? stepOf(message.step).title : `${stepOf(message.step).title}: ${shown}`;
}

/** Times that nobody would notice are left out. */
function seconds(ms: number): string | undefined {
  return ms < 100 ? undefined : `${(ms / 1000).toFixed(1)} s`;
}
