import {printable} from '../foundation/printable.ts';

/** How many names the warning has. */
const mostNames = 5;
const longestName = 30;

/** Agents that programs start by themselves, and again when they need them: their end is no loss, and no news. */
const agents: ReadonlySet<string> = new Set(['dirmngr', 'gpg-agent', 'keyboxd', 'scdaemon', 'ssh-agent']);

/**
 * A sentence on the programs that were still running when their session ended, which have chosen their names; none if
 * there is nothing to say.
 */
export function describeLeftBehind(all: readonly string[]): string[] {
  const programs = all.filter((name) => !agents.has(name));
  if (programs.length === 0) return [];
  const counts = new Map<string, number>();
  for (const program of programs) {
    const name = printable(program, longestName);
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  const names = [...counts].map(([name, times]) => (times === 1 ? name : `${name} (${times})`));
  const rest = names.length > mostNames ? ` and ${names.length - mostNames} more` : '';
  const what =
    programs.length === 1 ? '1 program of this session was' : `${programs.length} programs of this session were`;
  const ended = programs.length === 1 ? 'was ended' : 'were ended';
  return [`${what} still running and ${ended}: ${names.slice(0, mostNames).join(', ')}${rest}.`];
}
