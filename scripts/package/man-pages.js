// Manual pages, one for TazPod and one for each topic, made from the commands' own help and from the table of exit codes
// in README.md. See man(7) for the macros.
import {readFileSync} from 'node:fs';
import {join} from 'node:path';
import {root} from '../setup.js';

/**
 * @typedef {{name: string, char?: string, description?: string, summary?: string, type: string, allowNo?: boolean,
 *   hidden?: boolean, helpValue?: string, options?: string[], default?: unknown, multiple?: boolean}} Flag
 * @typedef {{name: string, required?: boolean, description?: string, hidden?: boolean, options?: string[]}} Arg
 * @typedef {{id: string, aliases: string[], summary?: string, description?: string, hidden?: boolean, strict?: boolean,
 *   flags: Record<string, Flag>, args: Record<string, Arg>,
 *   examples?: (string | {command?: string, description?: string})[]}} Command
 */

/**
 * The manual pages of this checkout's commands.
 *
 * @returns {Map<string, string>} `tazpod.1`, `tazpod-vault.1`, … → text for man(1)
 */
export function manPages() {
  const {commands, version} = readJson('oclif.manifest.json');
  const {oclif, description} = readJson('package.json');
  /** @type {Map<string, Command[]>} */
  const topics = new Map();
  for (const command of /** @type {Command[]} */ (Object.values(commands))) {
    const [topic = ''] = command.id.split(':');
    if (!command.hidden && !topic.startsWith('_')) topics.set(topic, [...(topics.get(topic) ?? []), command]);
  }
  const summaries = new Map(
    [...topics].map(([topic, members]) => {
      const [only] = members.length === 1 ? members : members.filter(({id}) => id === topic);
      return [topic, oneLine(oclif.topics[topic]?.description ?? (only === undefined ? topic : summaryOf(only)))];
    }),
  );
  const pages = new Map([['tazpod.1', overview({topics, summaries, version, description})]]);
  for (const [topic, members] of topics) {
    const others = [...topics.keys()].filter((other) => other !== topic);
    const lines = [
      header(`tazpod-${topic}`, version),
      '.SH NAME',
      `tazpod\\-${text(topic)} \\- ${text(summaries.get(topic) ?? '')}`,
      '.SH SYNOPSIS',
      ...members.flatMap((command) => synopsis(command)),
      '.SH COMMANDS',
      ...members.flatMap(commandSection),
      '.SH SEE ALSO',
      ['tazpod', ...others.map((other) => `tazpod-${other}`)].map((page) => `.BR ${text(page)} (1)`).join(',\n'),
    ];
    pages.set(`tazpod-${topic}.1`, page(lines));
  }
  return pages;
}

/**
 * @param {{topics: Map<string, Command[]>, summaries: Map<string, string>, version: string, description: string}} found
 */
function overview({topics, summaries, version, description}) {
  const short = [...topics.values()]
    .flat()
    .flatMap((command) => command.aliases.filter((alias) => !alias.includes(':')).map((alias) => ({alias, command})))
    .sort((a, b) => (a.alias < b.alias ? -1 : 1));
  return page([
    header('tazpod', version),
    '.SH NAME',
    `tazpod \\- ${text(oneLine(description))}`,
    '.SH SYNOPSIS',
    '.B tazpod',
    '.I command',
    '.RI [ options ]',
    '.SH DESCRIPTION',
    ...paragraphs(firstParagraph()),
    '.SH SHORT COMMANDS',
    ...short.flatMap(({alias, command}) => [
      '.TP',
      `.B tazpod ${text(alias)}`,
      `${text(summaryOf(command))} Short for`,
      `.BR "tazpod ${text(spaced(command.id))}" .`,
    ]),
    '.SH TOPICS',
    ...[...summaries].flatMap(([topic, summary]) => ['.TP', `.BR tazpod\\-${text(topic)} (1)`, text(summary)]),
    '.SH EXIT STATUS',
    ...exitCodes().flatMap(([code, meaning]) => ['.TP', `.B ${text(code)}`, text(meaning)]),
    '.SH FILES',
    ...files.flatMap(([path, what]) => ['.TP', `.I ${text(path)}`, text(what)]),
    '.SH SEE ALSO',
    [...topics.keys()].map((topic) => `.BR tazpod\\-${text(topic)} (1)`).join(',\n') + ',',
    '.BR cryptsetup (8),',
    '.BR sudo (8)',
  ]);
}

/** @type {[string, string][]} */
const files = [
  ['.tazpod-vault/vault.img', 'The vault of a project: a LUKS2 image that cryptsetup opens as well.'],
  ['~/secrets', 'The mount point: the files of the vault inside the ghost, an empty directory elsewhere.'],
  ['.tazpod/config.yaml', 'The settings of a project.'],
  ['~/.config/tazpod/config.yaml', 'Your own settings.'],
];

/** @param {Command} command */
function commandSection(command) {
  const flags = Object.values(command.flags).filter(({hidden}) => !hidden);
  const args = Object.values(command.args).filter(({hidden}) => !hidden);
  return [
    `.SS "tazpod ${text(spaced(command.id))}"`,
    text(summaryOf(command)),
    ...(command.aliases.length === 0
      ? []
      : ['.PP', `Also: ${command.aliases.map((alias) => `\\fBtazpod ${text(spaced(alias))}\\fR`).join(', ')}.`]),
    ...(command.description === undefined ? [] : paragraphs(command.description, true)),
    ...args.flatMap(({name, description = ''}) => [
      '.TP',
      `.I ${text(name.toUpperCase())}`,
      text(oneLine(description)),
    ]),
    ...flags.flatMap((flag) => ['.TP', flagTerm(flag), text(flagText(flag))]),
    ...examples(command),
  ];
}

/** @param {Command} command */
function synopsis(command) {
  const args = Object.values(command.args)
    .filter(({hidden}) => !hidden)
    .map(({name, required}) => (required ? `\\fI${text(name)}\\fR` : `[\\fI${text(name)}\\fR]`));
  const more = command.strict === false && args.length > 0 ? ['...'] : [];
  return [`.B tazpod ${text(spaced(command.id))}`, ['[\\fIoptions\\fR]', ...args, ...more].join(' '), '.br'];
}

/** @param {Flag} flag */
function flagTerm({name, char, type, allowNo, helpValue, options}) {
  const value = type === 'boolean' ? '' : ` \\fI${text(helpValue ?? options?.join('|') ?? 'VALUE')}\\fR`;
  const long = allowNo === true ? `\\-\\-[no\\-]${text(name)}` : `\\-\\-${text(name)}`;
  return `${char === undefined ? '' : `\\fB\\-${char}\\fR, `}\\fB${long}\\fR${value}`;
}

/** @param {Flag} flag */
function flagText({summary, description, default: standard}) {
  const said = oneLine(summary ?? description ?? '');
  const isShown = typeof standard === 'string' || typeof standard === 'number';
  return isShown && !said.includes('[default') ? `${said} [default: ${standard}]` : said;
}

/** @param {Command} command */
function examples({id, examples: given = []}) {
  const render = (/** @type {string} */ line) =>
    text(line.replaceAll('<%= config.bin %>', 'tazpod').replaceAll('<%= command.id %>', spaced(id)));
  const lines = given.flatMap((example) => {
    const {command = '', description} = typeof example === 'string' ? {command: example} : example;
    return [...(description === undefined ? [] : [render(description)]), '.nf', '.RS', render(command), '.RE', '.fi'];
  });
  return lines.length === 0 ? [] : ['.PP', 'Examples:', ...lines];
}

/**
 * @param {string} said
 * @param {boolean} [follows] something stands before
 */
function paragraphs(said, follows = false) {
  return said
    .replaceAll('<%= config.bin %>', 'tazpod')
    .split(/\n{2,}/)
    .flatMap((paragraph, index) => [...(follows || index > 0 ? ['.PP'] : []), ...paragraph.split('\n').map(text)]);
}

/** The paragraph of README.md below its title. */
function firstParagraph() {
  const [, paragraph = ''] = /^# TazPod\n\n([\s\S]*?)\n\n/.exec(readme()) ?? [];
  return paragraph.replaceAll('\n', ' ').replaceAll(/[*`]/g, '');
}

/**
 * The rows of the table of exit codes in README.md.
 *
 * @returns {[string, string][]}
 */
function exitCodes() {
  const [, section = ''] = /^## Exit codes$([\s\S]*?)^## /m.exec(readme()) ?? [];
  return [...section.matchAll(/^\| (\d+) \| (.*) \|$/gm)].map(([, code = '', meaning = '']) => [
    code,
    meaning.replaceAll('`', ''),
  ]);
}

function readme() {
  return readFileSync(join(root, 'README.md'), 'utf8');
}

/** @param {string} name */
function readJson(name) {
  return JSON.parse(readFileSync(join(root, name), 'utf8'));
}

/** @param {Command} command */
function summaryOf({summary, description = ''}) {
  return oneLine(summary ?? description.split('\n')[0] ?? '');
}

/** @param {string} said */
function oneLine(said) {
  return said.replaceAll('<%= config.bin %>', 'tazpod').replaceAll(/\s+/g, ' ').trim();
}

/** @param {string} id */
function spaced(id) {
  return id.replaceAll(':', ' ');
}

/**
 * Plain text for man(7): nothing in it is a macro or an escape.
 *
 * @param {string} said
 */
function text(said) {
  return said
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replaceAll("'", '\\(aq')
    .replaceAll('~', '\\(ti')
    .replaceAll('^', '\\(ha')
    .replaceAll('…', '...')
    .replaceAll('’', '\\(cq')
    .replace(/^\./, '\\&.');
}

/**
 * @param {string} name
 * @param {string} version
 */
function header(name, version) {
  return `.TH ${name.toUpperCase().replaceAll('-', '\\-')} 1 "" "TazPod ${version}" "TazPod"`;
}

/** @param {string[]} lines */
function page(lines) {
  return `${lines.filter((line) => line !== '').join('\n')}\n`;
}
