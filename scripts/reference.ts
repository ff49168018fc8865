// `npm run reference`: writes every command's help page and every text of the source to docs/reference/, so that a change
// of words shows up in review; `--check` only compares.
import {globSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import {join, relative} from 'node:path';
import {exitCode} from '../src/foundation/exit-code.ts';
import {helpPages} from './prose/help-pages.ts';
import {sourceTexts} from './prose/source-texts.ts';
import {root} from './setup.js';
import {endWith, SetUpError} from './terminal.js';

const folder = join(root, 'docs', 'reference');

const codes: Readonly<Record<string, number>> = exitCode;

await endWith(async () => {
  const pages = new Map([['help-pages.md', await helpPage()], ...messagePages()]);
  if (process.argv.includes('--check')) return check(pages);
  mkdirSync(folder, {recursive: true});
  for (const name of readdirSync(folder)) if (!pages.has(name)) rmSync(join(folder, name));
  for (const [name, text] of pages) writeFileSync(join(folder, name), text);
  return 0;
});

function check(pages: ReadonlyMap<string, string>): number {
  const names = new Set([...pages.keys(), ...readdirSync(folder)]);
  const stale = [...names].filter((name) => !readdirSync(folder).includes(name) || read(name) !== pages.get(name));
  if (stale.length === 0) return 0;
  throw new SetUpError(65, `docs/reference is out of date (${stale.join(', ')}). Type: npm run reference`);
}

function read(name: string): string {
  return readFileSync(join(folder, name), 'utf8');
}

async function helpPage(): Promise<string> {
  const pages = await helpPages(root);
  return page(
    'Help',
    'Each command’s help page at 80 columns.',
    pages.map(({title, text}) => section(title, [text])),
  );
}

/** One page for each directory of src/, one for the files beside them, and one for the plugins. */
function messagePages(): [string, string][] {
  const paths = globSync(['src/**/*.ts', 'plugins/*/src/**/*.ts', 'plugin-kit/*.ts'], {cwd: root}).sort();
  const domains = Map.groupBy(paths, domainOf);
  return [...domains].flatMap(([domain, files]): [string, string][] => {
    const sections = files.flatMap((file) => {
      const blocks = blocksOf(join(root, file));
      return blocks.length === 0 ? [] : [section(relative(root, join(root, file)), blocks)];
    });
    const about = `What the files of ${domain} say: failures first, then everything else. \`{name}\` is a value.`;
    return sections.length === 0 ? [] : [[`${domain}.md`, page(`Messages of ${domain}`, about, sections)]];
  });
}

function domainOf(path: string): string {
  const [top, second, ...more] = path.split('/');
  if (top === 'plugins' || top === 'plugin-kit') return 'plugins';
  return more.length === 0 ? 'commands' : second!;
}

function blocksOf(path: string): string[] {
  const {failures, others} = sourceTexts(path);
  const texts = [...new Set(others.map(({text}) => text))];
  return [
    ...failures.map(({code, what, why, next}) =>
      [
        `${['error', codes[code] ?? code].join(' ').trimEnd()}: ${what}`,
        ...why.map((text) => `  ${text}`),
        ...next.map((text) => `  Next: ${text}`),
      ].join('\n'),
    ),
    ...(texts.length === 0 ? [] : [texts.join('\n')]),
  ];
}

function page(title: string, about: string, sections: readonly string[]): string {
  const origin = '<!-- Written by `npm run reference` from the source. Change the words there. -->';
  return `${[`# ${title}`, origin, about, ...sections].join('\n\n')}\n`;
}

function section(title: string, blocks: readonly string[]): string {
  return [`## ${title}`, ...blocks.map((block) => `\`\`\`text\n${block.trimEnd()}\n\`\`\``)].join('\n\n');
}
