/** Programs that read `.env` files, each in its own way. `shell` is `. ./.env` in bash, dash or zsh. */
export type Reader = 'compose' | 'dotenv' | 'node' | 'python' | 'shell';

/** docker compose, the npm package dotenv, `node --env-file`, python-dotenv and shells. */
export const readers: readonly Reader[] = ['compose', 'dotenv', 'node', 'python', 'shell'];

export type Form = 'unquoted' | 'single' | 'double' | 'backtick';

/** One assignment as it is written, bytes as latin1. */
export type Written = {
  readonly name: string;
  /** True if `export` stands before the name. */
  readonly exported: boolean;
  /** Blanks before and after the sign, which is `=` or `:`. */
  readonly before: string;
  readonly sign: string;
  readonly after: string;
  readonly form: Form;
  readonly raw: string;
  /** What follows the closing quote. */
  readonly behind: string;
  /** True for UTF-8. */
  readonly isText: boolean;
};

/**
 * A way of writing that not all readers understand alike. `readers` are those that differ from the rest; all of them
 * if there is no rest that agrees.
 */
type Rule = {
  readonly why: string;
  readonly readers: readonly Reader[];
  readonly applies: (written: Written) => boolean;
};

const inForm = (forms: readonly Form[], pattern: RegExp) => (written: Written) =>
  forms.includes(written.form) && pattern.test(written.raw);

const rules: readonly Rule[] = [
  {why: 'the name has a "."', readers: ['shell'], applies: ({name}) => name.includes('.')},
  // Older versions of compose refuse it.
  {why: 'the name has a "-"', readers: ['compose', 'shell'], applies: ({name}) => name.includes('-')},
  // Older versions of compose cut "export" off any word that follows it.
  {why: 'the name begins with "export"', readers: ['compose'], applies: ({name}) => name.startsWith('export')},
  {
    why: '":" stands instead of "="',
    readers: ['node', 'python', 'shell'],
    applies: ({sign, after}) => sign === ':' && after !== '',
  },
  {why: '":" stands instead of "="', readers, applies: ({sign, after}) => sign === ':' && after === ''},
  {
    why: 'there is a blank beside the "="',
    readers: ['shell'],
    applies: ({before, after, form, raw}) => before !== '' || (after !== '' && (form !== 'unquoted' || raw !== '')),
  },
  // Node looks for the value on the next line then.
  {
    why: 'its value is only blanks',
    readers: ['node'],
    applies: ({after, form, raw}) => after !== '' && form === 'unquoted' && raw === '',
  },
  {
    why: 'it is exported and empty',
    readers: ['node'],
    applies: ({exported, form, raw}) => exported && form === 'unquoted' && raw === '',
  },
  // For some it begins a comment anywhere, for some behind a blank only, and what counts as a blank differs too.
  {why: 'there is a "#" outside of quotes', readers, applies: inForm(['unquoted'], /#/)},
  {why: 'there is a "#" right after the quotes', readers, applies: ({behind}) => behind.startsWith('#')},
  {
    why: 'there is a "$"',
    readers: ['compose', 'python', 'shell'],
    applies: inForm(['unquoted', 'double'], /\$/),
  },
  // python-dotenv puts values in between single quotes too.
  {why: 'there is a "${"', readers: ['python'], applies: inForm(['single'], /\$\{/)},
  {why: 'there is a "\\"', readers: ['compose', 'shell'], applies: inForm(['unquoted'], /\\/)},
  {why: 'there is a "\\" before another one', readers: ['python'], applies: inForm(['single'], /\\\\/)},
  {why: 'there is a "\\" before the closing quote', readers, applies: inForm(['single', 'backtick'], /\\$/)},
  {why: 'there is a "\\n" between double quotes', readers: ['shell'], applies: inForm(['double'], /\\n/)},
  {why: 'there is a "\\" between double quotes', readers, applies: inForm(['double'], /\\(?!n)/)},
  {why: 'there is a backtick', readers: ['shell'], applies: inForm(['unquoted', 'double'], /`/)},
  {
    why: 'backticks are its quotes',
    readers: ['compose', 'python', 'shell'],
    applies: ({form}) => form === 'backtick',
  },
  {why: 'there is a quotation mark outside of quotes', readers: ['shell'], applies: inForm(['unquoted'], /['"]/)},
  {why: 'there is a blank outside of quotes', readers: ['shell'], applies: inForm(['unquoted'], /[ \t]/)},
  {
    why: 'there is one of ; & | < > ( ) outside of quotes',
    readers: ['shell'],
    applies: inForm(['unquoted'], /[;&|<>()]/),
  },
  // A shell puts a home there, and zsh the path of a program.
  {why: 'it begins with "~" or "="', readers: ['shell'], applies: inForm(['unquoted'], /(^|:)[~=]/)},
  // Between quotes only: at the end of a line everybody but a shell drops it, and in a shell it is never wanted.
  {why: 'its lines end with CR LF', readers: ['shell'], applies: ({raw}) => raw.includes('\r\n')},
  {
    why: 'there is a control character',
    readers,
    // eslint-disable-next-line no-control-regex -- these are what is looked for
    applies: ({raw}) => /[\0-\x08\v\f\x0e-\x1f\x7f]|\r(?!\n)/.test(raw),
  },
  {
    why: 'there is an invisible character outside of quotes',
    readers,
    applies: ({form, raw, isText}) =>
      form === 'unquoted' &&
      isText &&
      /[\p{Z}\p{Cc}\ufeff]/u.test(withoutBlanks(Buffer.from(raw, 'latin1').toString())),
  },
  {why: 'it is not UTF-8', readers: ['dotenv', 'node', 'python'], applies: ({isText}) => !isText},
];

/** Why these readers disagree about an assignment; empty where they do not. */
export function doubtsOf(written: Written, chosen: readonly Reader[]): readonly string[] {
  // One reader has nobody to disagree with, except where it is not known what it makes of the line.
  return rules
    .filter((rule) => rule.applies(written) && rule.readers.some((reader) => chosen.includes(reader)))
    .map(({why}) => why);
}

function withoutBlanks(text: string): string {
  return text.replaceAll(/[ \t]/g, '');
}
