/** One assignment of a `.env` file. */
export type Assignment = {readonly name: string; readonly value: Buffer};

/** What is wrong, without a word of the file. */
export class ParseError extends Error {
  readonly line: number;

  constructor(line: number, sentence: string) {
    super(sentence);
    this.line = line;
  }
}

const newline = 0x0a;
const return_ = 0x0d;
const backslash = 0x5c;
const single = 0x27;
const double = 0x22;
const backtick = 0x60;
const hash = 0x23;

/** What a letter behind a backslash means between double quotes, as in the npm package dotenv and in Ruby's. */
const escapes: Readonly<Record<string, number>> = {
  n: newline,
  r: return_,
  t: 0x09,
  '"': double,
  '\\': backslash,
  $: 0x24,
};

/**
 * The assignments of a `.env` file, byte for byte. The form is that of the npm package dotenv and of docker compose:
 * `NAME=value`, `export NAME=value`, comments, values between `'`, `"` or a backtick that may have several lines, and
 * escapes between `"` only. Nothing is put in for `$NAME`: what would be, differs from one reader to the next, so the
 * text is kept as it is. Of two assignments of one name the last one holds. What is none of it is an error, and never
 * skipped: a line that is lost is a secret that is lost.
 */
export function parseDotenv(bytes: Buffer): Assignment[] {
  const found = new Map<string, Buffer>();
  let at = bytes.subarray(0, 3).equals(Buffer.from([0xef, 0xbb, 0xbf])) ? 3 : 0;
  let line = 1;
  while (at < bytes.length) {
    const end = endOfLine(bytes, at);
    const text = bytes.toString('latin1', at, end);
    if (/^\s*(#.*)?$/.test(text)) {
      [at, line] = [end + 1, line + 1];
      continue;
    }
    const match = /^\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_.-]*)\s*[=:][ \t]*/.exec(text);
    if (match === null) throw new ParseError(line, 'is no assignment');
    const start = at + match[0].length;
    const quote = start < end ? bytes[start]! : 0;
    if (![single, double, backtick].includes(quote)) {
      found.set(match[1]!, unquoted(bytes.subarray(start, end)));
      [at, line] = [end + 1, line + 1];
      continue;
    }
    const close = closingQuote(bytes, start + 1, quote);
    if (close === undefined) throw new ParseError(line, 'begins a quotation that has no end');
    const rest = endOfLine(bytes, close + 1);
    if (!/^\s*(#.*)?$/.test(bytes.toString('latin1', close + 1, rest))) {
      throw new ParseError(line, 'has something behind its quotation');
    }
    const inner = bytes.subarray(start + 1, close);
    found.set(match[1]!, quote === double ? unescaped(inner) : Buffer.from(inner));
    line += bytes.subarray(at, rest).filter((byte) => byte === newline).length + 1;
    at = rest + 1;
  }
  return [...found].map(([name, value]) => ({name, value}));
}

function endOfLine(bytes: Buffer, from: number): number {
  const end = bytes.indexOf(newline, from);
  return end === -1 ? bytes.length : end;
}

function closingQuote(bytes: Buffer, from: number, quote: number): number | undefined {
  for (let at = from; at < bytes.length; at++) {
    if (bytes[at] === backslash && quote === double) at += 1;
    else if (bytes[at] === quote) return at;
  }
  return undefined;
}

/** Up to a comment, which has a blank before it; without the blanks around. */
function unquoted(bytes: Buffer): Buffer {
  let end = bytes.length;
  for (let at = 0; at < bytes.length; at++) {
    if (bytes[at] === hash && (at === 0 || isBlank(bytes[at - 1]!))) {
      end = at;
      break;
    }
  }
  while (end > 0 && isBlank(bytes[end - 1]!)) end -= 1;
  return Buffer.from(bytes.subarray(0, end));
}

function unescaped(bytes: Buffer): Buffer {
  const result = Buffer.alloc(bytes.length);
  let length = 0;
  for (let at = 0; at < bytes.length; at++) {
    const escaped = bytes[at] === backslash ? escapes[String.fromCharCode(bytes[at + 1] ?? 0)] : undefined;
    result[length++] = escaped ?? bytes[at]!;
    if (escaped !== undefined) at += 1;
  }
  return result.subarray(0, length);
}

function isBlank(byte: number): boolean {
  return byte === 0x20 || byte === 0x09 || byte === return_;
}
