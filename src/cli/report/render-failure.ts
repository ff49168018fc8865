import {styleText} from 'node:util';
import type {Failure} from '../../foundation/failure.ts';
import {columnsOf, wrapCommand, wrapText} from '../wrap.ts';

/** A failure as people read it: what happened, why, and the next command, a line each. */
export function renderFailure({message, why, next}: Failure, columns = columnsOf(process.stderr)): string {
  return [
    withColour('red', 'error:', wrapText(`error: ${message}`, columns, '', '  ')),
    ...(why === undefined ? [] : why.split(/\n */).map((line) => wrapText(line, columns, '  ', '  '))),
    ...(next === undefined ? [] : [renderNext(next, columns)]),
    '',
  ].join('\n');
}

/** A warning as people read it. */
export function renderWarning(text: string, columns = columnsOf(process.stderr)): string {
  return withColour('yellow', 'warning:', wrapText(`warning: ${text}`, columns, '', '  '));
}

function renderNext(next: string, columns: number): string {
  const wrap = isCommand(next) ? wrapCommand : wrapText;
  return wrap(next, columns, '  Next: ', '    ');
}

/** Whether this is a command line to paste, and not a sentence. */
function isCommand(next: string): boolean {
  return (
    /^(?:[A-Z_]+=\S+ )*(?:tazpod|sudo|docker|npm|cryptsetup|chmod|rm|sed|unset|cd|exit)\b/.test(next) &&
    !/, or\b/.test(next)
  );
}

/** Colours are for terminals, and for those who did not say no to them: styleText asks for NO_COLOR and the like. */
function withColour(colour: 'red' | 'yellow', label: string, text: string): string {
  return text.replace(label, styleText(colour, label, {stream: process.stderr}));
}
