import type {ListrTask, ListrTaskWrapper} from 'listr2';

type Outcome = 'done' | 'skipped' | 'failed';

/**
 * A list of tasks that is redrawn in place until each has ended. It is drawn on standard error, because standard output is
 * the session's. Its owner says what happens: the work itself is done elsewhere.
 */
export class TaskList {
  readonly #tasks: readonly Task[];
  readonly #drawn: Promise<void>;

  constructor(titles: readonly string[], {concurrent = false} = {}) {
    this.#tasks = titles.map((title) => new Task(title));
    this.#drawn = draw(this.#tasks, concurrent).catch(() => {});
  }

  /** A line below a task. */
  report(index: number, text: string): void {
    this.#tasks[index]?.report(text);
  }

  end(index: number, title?: string, outcome: Outcome = 'done'): void {
    this.#tasks[index]?.end(outcome, title);
  }

  /** Ends the drawing; the terminal is free afterwards. Tasks that have not ended are no longer expected to. */
  async close(): Promise<void> {
    for (const task of this.#tasks) task.end('failed');
    await this.#drawn;
  }
}

/** Loaded here: most commands draw nothing. */
async function draw(tasks: readonly Task[], concurrent: boolean): Promise<void> {
  const {Listr, ProcessOutput} = await import('listr2');
  const rendererOptions = {
    collapseErrors: false,
    showErrorMessage: false,
    processOutput: new ProcessOutput(process.stderr, process.stderr),
  } as never;
  const list = tasks.map((task) => task.drawn());
  await new Listr(list, {concurrent, exitOnError: !concurrent, rendererOptions, registerSignalListeners: false}).run();
}

/** The task of listr2 and the word of its owner meet here, whichever comes first. */
class Task {
  readonly #title: string;
  readonly #ended = Promise.withResolvers<{readonly outcome: Outcome; readonly title: string | undefined}>();
  #output: string | undefined;
  #shown: {output: string} | undefined;

  constructor(title: string) {
    this.#title = title;
  }

  report(text: string): void {
    this.#output = text;
    if (this.#shown !== undefined) this.#shown.output = text;
  }

  end(outcome: Outcome, title?: string): void {
    this.#ended.resolve({outcome, title});
  }

  drawn(): ListrTask {
    const task = async (_context: unknown, wrapper: ListrTaskWrapper<unknown, never, never>) => {
      this.#shown = wrapper;
      if (this.#output !== undefined) wrapper.output = this.#output;
      const {outcome, title} = await this.#ended.promise;
      if (title !== undefined) wrapper.title = title;
      if (outcome === 'skipped') wrapper.skip();
      // A task that failed stays in the list, crossed out; one that was given up leaves it without a word.
      if (outcome === 'failed') throw new Error('failed');
    };
    return {title: this.#title, task} as ListrTask;
  }
}
