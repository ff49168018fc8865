import type {PullProgress} from '../../secrets/pull/progress.ts';
import {TaskList} from './task-list.ts';

/** A pull as a list of tasks: redrawn in place on a terminal, or not shown at all. */
export function pullGraph(style: 'live' | 'silent'): PullProgress {
  let titles: readonly string[] = [];
  let list: TaskList | undefined;
  return {
    begin: (all) => {
      titles = all;
      if (style === 'live') list = new TaskList(titles, {concurrent: true});
    },
    done: (index, note) => list?.end(index, `${titles[index]}: ${note}`),
    failed: (index) => list?.end(index, undefined, 'failed'),
    end: async () => {
      await list?.close();
      list = undefined;
    },
  };
}
