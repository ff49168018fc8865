import {printable} from '../foundation/printable.ts';
import type {DoctorContext} from './context.ts';
import type {Finding} from './finding.ts';

/** Aliases in the user's start-up files that beat a latch; empty without any. */
export function examineAliases({aliases = []}: DoctorContext): Finding[] {
  const [first] = aliases;
  if (first === undefined) return [];
  const places = aliases.map(({command, file, line}) => `${command} (${printable(file, 400)}:${line})`).join(', ');
  return [
    {
      id: 'aliases',
      title: 'Aliases',
      verdict: 'warning',
      detail: `Aliases take precedence over latches, so these commands run outside the vault too: ${places}.`,
      fix: `remove the alias from ${printable(first.file, 400)}, or make it a function`,
    },
  ];
}
