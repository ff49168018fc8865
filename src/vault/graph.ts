import {Listr, type ListrTask, type ListrTaskWrapper, ProcessOutput} from 'listr2';
import type {GhostMessage} from '../lifecycle/message.ts';
import {type PhaseId, phases, type StepId, stepOf} from '../lifecycle/step.ts';

/** How the lifecycle is shown: redrawn in place on a terminal, line by line elsewhere, or not at all. */
export type GraphStyle = 'live' | 'lines' | 'silent';

/** The messages of the ghost that the graph is made of. */
export type StepMessage = Extract<
  GhostMessage,
  {say: 'phase' | 'started' | 'progress' | 'waits' | 'done' | 'skipped' | 'broken'}
>;

/**
 * The task graph of the lifecycle as the ghost walks it: one listr2 list for each phase, whose tasks end when the ghost
 * says so. It draws on standard error, because standard output is the session's. Where nothing can be redrawn, each
 * step is a line of its own when it has ended.
 */
export class LifecycleGraph {
  readonly #style: GraphStyle;
  #phase: {readonly steps: Map<StepId, StepProgress>; readonly drawn: Promise<unknown>} | undefined;

  constructor(style: GraphStyle) {
    this.#style = style;
  }

  /** Takes a message of the ghost into the picture. */
  async show(message: StepMessage): Promise<void> {
    if (message.say === 'phase') {
      await this.close();
      this.#phase = this.#draw(message.phase);
      return;
    }
    const step = this.#phase?.steps.get(message.step);
    if (step === undefined || message.say === 'started') return;
    if (this.#style === 'lines' && message.say !== 'progress') process.stderr.write(`${lineOf(message)}\n`);
    switch (message.say) {
      case 'progress':
        step.report(`${Math.floor((100 * message.doneBytes) / message.totalBytes)} %`);
        break;
      case 'waits':
        step.report(message.why);
        break;
      case 'done':
        step.end({title: titleWith(message.step, [message.note, seconds(message.ms)])});
        break;
      case 'skipped':
        step.end({title: titleWith(message.step, [message.why]), skipped: true});
        break;
      case 'broken':
        step.end({title: titleWith(message.step, [message.why]), failed: true});
        await this.close();
    }
    if (this.#phase !== undefined && [...this.#phase.steps.values()].every((each) => each.ended)) await this.close();
  }

  /** Ends the drawing; the terminal is free afterwards. Steps that have not ended are no longer expected to. */
  async close(): Promise<void> {
    const phase = this.#phase;
    if (phase === undefined) return;
    this.#phase = undefined;
    for (const step of phase.steps.values()) step.end({abandoned: true});
    await phase.drawn;
  }

  #draw(id: PhaseId): {steps: Map<StepId, StepProgress>; drawn: Promise<unknown>} {
    const steps = new Map(phases[id].map((step) => [step, new StepProgress()]));
    const tasks = [...steps].map(([step, progress]) => taskOf(step, progress));
    const list = new Listr(tasks, {
      concurrent: false,
      exitOnError: true,
      renderer: this.#style === 'live' ? 'default' : 'silent',
      rendererOptions: {
        collapseErrors: false,
        showErrorMessage: false,
        processOutput: new ProcessOutput(process.stderr, process.stderr),
      } as never,
      registerSignalListeners: false,
    });
    return {steps, drawn: list.run().catch(() => {})};
  }
}

type StepEnd = {
  readonly title?: string;
  readonly skipped?: boolean;
  readonly failed?: boolean;
  readonly abandoned?: boolean;
};

/** What is known of one step; the listr2 task and the ghost's messages meet here, whichever comes first. */
class StepProgress {
  readonly finished: Promise<StepEnd>;
  ended = false;
  onReport: (text: string) => void = () => {};
  #finish!: (end: StepEnd) => void;

  constructor() {
    this.finished = new Promise((resolve) => {
      this.#finish = resolve;
    });
  }

  report(text: string): void {
    this.onReport(text);
  }

  end(end: StepEnd): void {
    this.ended = true;
    this.#finish(end);
  }
}

function taskOf(id: StepId, progress: StepProgress): ListrTask {
  return {
    title: stepOf(id).title,
    task: async (_context: unknown, task: ListrTaskWrapper<unknown, never, never>) => {
      progress.onReport = (text) => {
        task.output = text;
      };
      const end = await progress.finished;
      if (end.title !== undefined) task.title = end.title;
      if (end.skipped) task.skip();
      // An abandoned step leaves the list without a word; a failed one stays in it, crossed out.
      if (end.failed || end.abandoned) throw new Error(end.abandoned ? 'abandoned' : 'failed');
    },
  } as ListrTask;
}

function lineOf(message: Extract<StepMessage, {say: 'waits' | 'done' | 'skipped' | 'broken'}>): string {
  switch (message.say) {
    case 'waits':
      return `… ${titleWith(message.step, [message.why])}`;
    case 'done':
      return `✔ ${titleWith(message.step, [message.note, seconds(message.ms)])}`;
    case 'skipped':
      return `- ${titleWith(message.step, [`skipped (${message.why})`])}`;
    case 'broken':
      return `✖ ${titleWith(message.step, [message.why])}`;
  }
}

function titleWith(id: StepId, notes: readonly (string | undefined)[]): string {
  const shown = notes.filter((note) => note !== undefined && note !== '');
  return shown.length === 0 ? stepOf(id).title : `${stepOf(id).title}: ${shown.join(', ')}`;
}

/** Times that nobody would notice are left out. */
function seconds(ms: number): string | undefined {
  return ms < 100 ? undefined : `${(ms / 1000).toFixed(1)} s`;
}
