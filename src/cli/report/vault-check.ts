import type {VaultFinding} from '../../vault/check-finding.ts';
import type {VaultCheck} from '../../vault/check.ts';
import {columnsOf, wrapText} from '../wrap.ts';

const marks: Readonly<Record<VaultFinding['severity'], string>> = {ok: '✔', warning: '!', error: '✖', skipped: '-'};

/** What a check found, for people: a line each, and below it the command that mends it. */
export function describeCheck({findings}: VaultCheck, columns = columnsOf(process.stdout)): string {
  const width = Math.max(...findings.map(({id}) => id.length));
  return findings
    .flatMap(({id, severity, detail, fix}) => [
      wrapText(detail, columns, `${marks[severity]} ${id.padEnd(width)}  `, ' '.repeat(width + 4)),
      ...(fix === undefined ? [] : [`${' '.repeat(width + 4)}→ ${fix}`]),
    ])
    .join('\n');
}
