import {describeAge} from '../../foundation/age.ts';
import {count} from '../../foundation/count.ts';
import type {PullResult} from '../../secrets/pull/pull.ts';

/** What a pull has done, in a sentence. */
export function describePull({state, files, variables, checked}: PullResult): string {
  const what = `${count(files, 'file')}, ${count(variables, 'variable')}`;
  switch (state) {
    case 'changed':
      return `Pulled ${what}.`;
    case 'unchanged':
      return `Nothing has changed: ${what}.`;
    case 'offline':
      return `Offline: using ${what}, last checked ${describeAge(new Date(checked))}.`;
  }
}
