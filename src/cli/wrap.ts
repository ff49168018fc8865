import type {WriteStream} from 'node:tty';

/** How many columns a line may have: those of a terminal. What goes into a file or a pipe is not broken. */
export function columnsOf(stream: Pick<WriteStream, 'isTTY' | 'columns'>): number {
  return stream.isTTY ? stream.columns || 80 : Infinity;
}

/**
 * Breaks text between words, so that a terminal does not break it within one. A word that is longer than a line stays
 * whole: a path must be copied in one piece. `first` begins the first line, `rest` each further one.
 */
export function wrapText(text: string, columns: number, first = '', rest = ''): string {
  return fill(text.split(' '), columns, first, rest, '');
}

/**
 * Breaks a command line between its words, with a backslash at the end of each line: it can still be pasted, and does
 * the same. Words are kept whole as the shell reads them, quotes and all.
 */
export function wrapCommand(command: string, columns: number, first = '', rest = ''): string {
  return fill(command.match(/(?:'[^']*'|"[^"]*"|\\.|\S)+/g) ?? [], columns, first, rest, ' \\');
}

function fill(words: readonly string[], columns: number, first: string, rest: string, joint: string): string {
  const lines: string[] = [];
  let line = first;
  let isEmpty = true;
  for (const [index, word] of words.entries()) {
    const isLast = index === words.length - 1;
    const next = isEmpty ? `${line}${word}` : `${line} ${word}`;
    if (isEmpty || width(next) + (isLast ? 0 : joint.length) <= columns) {
      line = next;
    } else {
      lines.push(line + joint);
      line = rest + word;
    }
    isEmpty = false;
  }
  return [...lines, line].join('\n');
}

function width(text: string): number {
  return Array.from(text).length;
}
