import {Listr, type ListrTask, type ListrTaskWrapper, ProcessOutput} from 'listr2';
import type {PullProgress} from '../../secrets/pull/pull.ts';

/** A pull as a list of tasks on standard error: redrawn in place on a terminal, or not shown at all. */
export function pullGraph(style: 'live' | 'silent'): PullProgress {
  let ends: ((end: {note?: string}) => void)[] = [];
  let drawn: Promise<unknown> = Promise.resolve();
  return {
    begin: (titles) => {
      const tasks = titles.map((title, index): ListrTask => {
        const finished = new Promise<{note?: string}>((resolve) => {
          ends[index] = resolve;
        });
        return {
          title,
          task: async (_context: unknown, task: ListrTaskWrapper<unknown, never, never>) => {
            const {note} = await finished;
            if (note === undefined) throw new Error('failed');
            task.title = `${title}: ${note}`;
          },
        } as ListrTask;
      });
      const list = new Listr(tasks, {
        concurrent: true,
        exitOnError: false,
        renderer: style === 'live' ? 'default' : 'silent',
        rendererOptions: {
          collapseErrors: false,
          showErrorMessage: false,
          processOutput: new ProcessOutput(process.stderr, process.stderr),
        } as never,
        registerSignalListeners: false,
      });
      drawn = list.run().catch(() => {});
    },
    done: (index, note) => ends[index]?.({note}),
    failed: (index) => ends[index]?.({}),
    end: async () => {
      for (const end of ends.splice(0)) end({});
      ends = [];
      await drawn;
    },
  };
}
