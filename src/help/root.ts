import {wrapText} from '../cli/wrap.ts';
import {commandGroups, examples} from './groups.ts';

/** What the root help needs to know of a command. */
export type ListedCommand = {readonly id: string; readonly aliases: readonly string[]; readonly summary: string};

const nameWidth = Math.max(...commandGroups.flatMap(({commands}) => commands.map((name) => name.length)));

/** The help of `tazpod` itself: commands by task, and those of plugins behind them. */
export function renderRoot(commands: readonly ListedCommand[], columns: number): string {
  const summaryOf = (name: string) => commands.find((each) => namesOf(each).includes(name))?.summary;
  const grouped = new Set(commandGroups.flatMap((group) => group.commands));
  const others = commands.filter((each) => !namesOf(each).some((name) => grouped.has(name))).map(({id}) => shown(id));
  const groups = [...commandGroups, ...(others.length === 0 ? [] : [{title: 'FROM PLUGINS', commands: others}])];
  return [
    wrapText('TazPod keeps secrets in one encrypted file and opens it for one shell only.', columns),
    ['USAGE', '  $ tazpod', '  $ tazpod COMMAND [FLAGS]'].join('\n'),
    ...groups.map(({title, commands: names}) =>
      [title, ...names.map((name) => row(name, summaryOf(name) ?? '', columns))].join('\n'),
    ),
    ['EXAMPLES', ...examples.map(([command, meaning]) => row(`$ ${command}`, meaning, columns, 33))].join('\n'),
    wrapText('"tazpod help COMMAND" describes a command and its flags.', columns),
  ].join('\n\n');
}

function namesOf({id, aliases}: ListedCommand): string[] {
  return [id, ...aliases].map(shown);
}

/** As it is typed. oclif itself writes an id that way into a command whose line it has printed. */
function shown(id: string): string {
  return id.replaceAll(':', ' ');
}

function row(name: string, summary: string, columns: number, width = nameWidth): string {
  const text = summary.replace(/\.$/, '');
  // Without a summary there is nothing to align.
  return wrapText(text, columns, `  ${name.padEnd(width)}  `, ' '.repeat(width + 4)).trimEnd();
}
