// `npm run prose`: holds the documentation and the texts of the source against docs/STYLE.md, and the spelling against
// cspell's dictionaries and docs/words.txt. docs/reference has every user-visible text, so cspell reads those too.
import {spawnSync} from 'node:child_process';
import {globSync, readFileSync} from 'node:fs';
import {join} from 'node:path';
import {faultOf} from './prose/phrases.ts';
import {type Located, sourceTexts} from './prose/source-texts.ts';
import {projectNode, root} from './setup.js';
import {endWith} from './terminal.js';

/** STYLE.md quotes what it forbids. The messages of docs/reference are read in the source, which has a line to change. */
const pages = globSync(['*.md', 'docs/*.md', 'plugins/*/README.md'], {
  cwd: root,
  exclude: ['CHANGELOG.md', 'docs/STYLE.md'],
});

/** Help pages are code blocks, and read all the same. */
const help = 'docs/reference/help.md';

const sources = globSync(['src/**/*.ts', 'plugins/*/src/**/*.ts'], {cwd: root});

const cache = ['--cache', '--cache-location', join('node_modules', '.cache', 'cspell')];

await endWith(() => {
  const faults = [
    ...pages.flatMap((path) => faultsOf(path, proseOf(path))),
    ...faultsOf(help, linesOf(help)),
    ...sources.flatMap(sourceFaults),
  ];
  for (const fault of faults) process.stdout.write(`${fault}\n`);
  const spelling = spawnSync(
    projectNode(),
    [join('node_modules', '.bin', 'cspell'), '--no-progress', '--no-summary', ...cache],
    {cwd: root, stdio: ['ignore', 'inherit', 'inherit']},
  );
  return faults.length > 0 || spelling.status !== 0 ? 1 : 0;
});

function sourceFaults(path: string): string[] {
  const {failures, others} = sourceTexts(join(root, path));
  const inFailures = failures.flatMap(({line, what, why, next}) =>
    [what, ...why, ...next].map((text) => ({line, text})),
  );
  // Placeholders are names of the code.
  const words = [...inFailures, ...others].map(({line, text}) => ({line, text: text.replace(/\{[^{}]*\}/g, '')}));
  return faultsOf(path, words);
}

function faultsOf(path: string, texts: readonly Located[]): string[] {
  return texts.flatMap(({line, text}) => {
    const phrase = faultOf(text, path);
    if (phrase === undefined) return [];
    return [`${path}:${line}: "${phrase.forbidden.exec(text)![0]}": write ${phrase.instead} (docs/STYLE.md)`];
  });
}

/** The lines of a page, without what is set as code. */
function proseOf(path: string): Located[] {
  let inBlock = false;
  return linesOf(path).map(({line, text}) => {
    const fence = /^\s*```/.test(text);
    if (fence) inBlock = !inBlock;
    return {line, text: fence || inBlock ? '' : text.replace(/`[^`]*`/g, '')};
  });
}

function linesOf(path: string): Located[] {
  return readFileSync(join(root, path), 'utf8')
    .split('\n')
    .map((text, index) => ({line: index + 1, text}));
}
