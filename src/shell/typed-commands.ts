import type {Command} from '@oclif/core';
import type {ShellCommand} from '../contract/index.ts';

/** What can be typed behind `tazpod`, as completion needs it: ids and aliases with spaces, sorted. */
export function typedCommands(commands: readonly Command.Loadable[]): readonly ShellCommand[] {
  const typed = commands
    .filter(({hidden}) => !hidden)
    .flatMap((command) => {
      const summary = (command.summary ?? command.description ?? '').split('\n')[0]!;
      const flags = Object.values(command.flags)
        .filter(({hidden}) => !hidden)
        .flatMap((flag) => [
          `--${flag.name}`,
          ...(flag.type === 'boolean' && flag.allowNo ? [`--no-${flag.name}`] : []),
        ]);
      return [command.id, ...command.aliases].map((id) => ({
        id: id.replaceAll(':', ' '),
        summary: plain(summary),
        flags: [...flags, '--help'].filter((flag) => /^[\w-]+$/.test(flag)).sort(),
      }));
    });
  return typed.filter(({id}) => /^[\w@/. -]+$/.test(id)).sort((a, b) => (a.id < b.id ? -1 : 1));
}

/** Without what would end a line or a column; plugins write summaries too. */
function plain(summary: string): string {
  return summary.replace(/[\p{C}|]/gu, ' ').slice(0, 120);
}
