import {TaskList} from './task-list.ts';

/** What is done one after the other, each on a line that is redrawn with the share of it that is done. */
export class ProgressLine {
  #doing = '';
  #list: TaskList | undefined;
  /** What was drawn before has ended: two lists that redraw themselves would draw over each other. */
  #before = Promise.resolve();

  show(doing: string, share: number): void {
    if (doing !== this.#doing) this.#begin(doing);
    this.#list?.report(0, `${Math.floor(100 * share)} %`);
    if (share >= 1) this.#list?.end(0);
  }

  /** The terminal is free afterwards. */
  async close(): Promise<void> {
    await this.#before;
    await this.#list?.close();
  }

  #begin(doing: string): void {
    const before = this.#list;
    this.#doing = doing;
    this.#list = undefined;
    this.#before = (before?.close() ?? Promise.resolve()).then(() => {
      this.#list = new TaskList([doing]);
    });
  }
}
