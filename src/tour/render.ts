import {styleText} from 'node:util';
import type {Chapter} from './tour.ts';

/** A chapter of the tour for people: a heading, the commands, and what each one gave. */
export function renderChapter({title, looks}: Chapter): string {
  const width = Math.max(0, ...looks.map(({command}) => command.length));
  const rows = looks.map(({command, output}) => `  ${dim(`$ ${command.padEnd(width)}`)}  ${output}`);
  return ['', bold(title), ...rows].join('\n');
}

// styleText respects NO_COLOR and whether the stream is a terminal.
const bold = (text: string) => styleText('bold', text, {stream: process.stdout});
const dim = (text: string) => styleText('dim', text, {stream: process.stdout});
