import {isUtf8} from 'node:buffer';
import {doubtsOf, type Form, type Reader, readers as allReaders} from './readers.ts';

/** One assignment of a `.env` file. */
export type Assignment = {readonly name: string; readonly value: Buffer; readonly line: number};

/** Why an assignment means different things to different readers. No text has a part of the value. */
export type Doubt = {readonly line: number; readonly name: string; readonly why: string};

export type Parsed = {
  /** In the order of the file. If a name is there twice, the last one holds. */
  readonly assignments: readonly Assignment[];
  readonly doubts: readonly Doubt[];
};

/** What is wrong, without a word of the file. */
export class ParseError extends Error {
  readonly line: number;

  constructor(line: number, sentence: string) {
    super(sentence);
    this.line = line;
  }
}

const head = /^[ \t]*(export[ \t]+)?([A-Za-z_][A-Za-z0-9_.-]*)([ \t]*)([=:])([ \t]*)/;
const quotes: Readonly<Record<string, Form>> = {"'": 'single', '"': 'double', '`': 'backtick'};

/**
 * The assignments of a `.env` file, and every one about which `readers` disagree. A line that is no assignment is an
 * error and never skipped: a line that is lost is a secret that is lost.
 *
 * The file is scanned as latin1, which keeps every byte.
 */
export function parseDotenv(bytes: Buffer, readers: readonly Reader[] = allReaders): Parsed {
  const assignments: Assignment[] = [];
  const doubts: Doubt[] = [];
  const hasMark = bytes.subarray(0, 3).equals(Buffer.from([0xef, 0xbb, 0xbf]));
  const text = bytes.toString('latin1', hasMark ? 3 : 0);
  for (let at = 0, line = 1; at < text.length;) {
    const end = endOfLine(text, at);
    if (/^[ \t\r]*(#|$)/.test(text.slice(at, end))) {
      [at, line] = [end + 1, line + 1];
      continue;
    }
    const match = head.exec(text.slice(at, end));
    if (match === null) throw new ParseError(line, 'is not an assignment');
    const [whole, exported, name, before, sign, after] = match as unknown as [string, string?, ...string[]];
    const {form, raw, behind, next} = readValue(text, at + whole.length, end, line);
    const isText = isUtf8(Buffer.from(raw, 'latin1'));
    const written = {exported: exported !== undefined, name: name!, before: before!, sign: sign!, after: after!};
    const why = doubtsOf({...written, form, raw, behind, isText}, readers);
    if (why.length > 0) doubts.push({line, name: written.name, why: why.join(', ')});
    assignments.push({name: written.name, line, value: Buffer.from(meaningOf(form, raw), 'latin1')});
    line += text.slice(at, next).split('\n').length - 1;
    at = next;
  }
  return {assignments, doubts};
}

type Value = {
  readonly form: Form;
  /** The text between the quotes, or what stands there without any. */
  readonly raw: string;
  /** What follows the closing quote on its line. */
  readonly behind: string;
  readonly next: number;
};

function readValue(text: string, start: number, end: number, line: number): Value {
  const form = quotes[text[start] ?? ''];
  if (form === undefined || start >= end) {
    const raw = text
      .slice(start, end)
      .replace(/\r$/, '')
      .replace(/(?<=\S) +#.*$/s, '')
      .replace(/[ \t]+$/, '');
    return {form: 'unquoted', raw, behind: '', next: end + 1};
  }
  const close = closingQuote(text, start);
  if (close === -1) throw new ParseError(line, 'has an opening quotation mark without a closing one');
  const last = endOfLine(text, close);
  const behind = text.slice(close + 1, last);
  if (!/^[ \t\r]*(#.*)?$/s.test(behind)) throw new ParseError(line, 'has text after its closing quotation mark');
  return {form, raw: text.slice(start + 1, close), behind, next: last + 1};
}

function meaningOf(form: Form, raw: string): string {
  // A line ends with a newline, even if the editor wrote another line ending.
  const lines = raw.replaceAll('\r\n', '\n');
  return form === 'double' ? lines.replaceAll('\\n', '\n') : lines;
}

function endOfLine(text: string, from: number): number {
  const end = text.indexOf('\n', from);
  return end === -1 ? text.length : end;
}

/** A backslash keeps a double quote from being the end; a value that has one is in doubt anyway. */
function closingQuote(text: string, start: number): number {
  const quote = text[start]!;
  for (let at = start + 1; at < text.length; at++) {
    if (text[at] === '\\' && quote === '"') at += 1;
    else if (text[at] === quote) return at;
  }
  return -1;
}
