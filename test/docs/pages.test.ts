import {expect} from 'chai';
import {existsSync, readFileSync} from 'node:fs';
import {dirname, join} from 'node:path';
import {root} from '../../scripts/setup.js';
import {anchorsOf, page, type Page, pages} from './pages.ts';

type Manifest = {
  commands: Record<
    string,
    {aliases: string[]; hidden?: boolean; flags: Record<string, {char?: string; allowNo?: boolean}>}
  >;
};

const {commands} = JSON.parse(readFileSync(join(root, 'oclif.manifest.json'), 'utf8')) as Manifest;
const {scripts} = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {scripts: Record<string, string>};

/** Commands of oclif's own plugins that the pages may name. */
const foreign = ['plugins'];

/** A word that ends a command, or stands for something else in it. */
const endsCommand = /^([|>;&#).…]|&&$)/;

/** `tazpod vault create --size 2G` → what is wrong with it, or undefined. */
function faultOf(line: string): string | undefined {
  const words = line.split(/\s+/).slice(1);
  const end = words.findIndex((word) => endsCommand.test(word) || word === '--');
  const own = end === -1 ? words : words.slice(0, end);
  const [first = '', second = ''] = own;
  const longest = own.slice(0, 3).join(':');
  if (own.length === 0 || foreign.includes(first)) return undefined;
  const named = [longest, `${first}:${second}`, first].find((id) => find(id) !== undefined);
  if (named === undefined) return `there is no command "${first} ${second}"`;
  const {flags} = find(named)!;
  const unknown = own.filter((word) => word.startsWith('-')).map((word) => word.replace(/=.*/, ''));
  return unknown
    .filter((word) => word !== '--help' && !spellings(flags).includes(word))
    .map((word) => `"${named}" has no ${word}`)[0];
}

function find(id: string): Manifest['commands'][string] | undefined {
  return commands[id] ?? Object.values(commands).find(({aliases}) => aliases.includes(id));
}

function spellings(flags: Manifest['commands'][string]['flags']): string[] {
  return Object.entries(flags).flatMap(([name, {char, allowNo}]) => [
    `--${name}`,
    ...(char === undefined ? [] : [`-${char}`]),
    ...(allowNo === true ? [`--no-${name}`] : []),
  ]);
}

/** Every `tazpod …` in what is set as code. */
function commandLines({code}: Page): string[] {
  return code.flatMap((line) =>
    [...line.matchAll(/(?:^|&& |\| |\$\()(tazpod(?: .*)?$)/g)].map(([, command]) => command!),
  );
}

describe('The documentation', () => {
  it('names commands and flags that there are', () => {
    const faults = pages().flatMap((each) =>
      commandLines(each)
        .map((line) => ({line, fault: faultOf(line)}))
        .filter(({fault}) => fault !== undefined)
        .map(({line, fault}) => `${each.name}: ${line}: ${fault}`),
    );
    expect(faults).to.deep.equal([]);
  });

  it('would be caught naming one that there is not', () => {
    for (const line of ['tazpod unlokc', 'tazpod vault', 'tazpod unlock --sise 2G', 'tazpod doctor --sudo | cat']) {
      expect(faultOf(line), line).not.to.equal(undefined);
    }
    for (const line of [
      'tazpod exec -- ls -la',
      'tazpod vault unlock --no-join -i x',
      'tazpod doctor --sudoers | x -y',
    ]) {
      expect(faultOf(line), line).to.equal(undefined);
    }
  });

  it('has every command that there is in the README', () => {
    const named = commandLines(page('README.md')).map((line) => line.split(' ').slice(1, 4).join(':'));
    const missing = Object.entries(commands).filter(
      ([id, {aliases, hidden}]) =>
        hidden !== true && !named.some((each) => [id, ...aliases].some((known) => `${each}:`.startsWith(`${known}:`))),
    );
    expect(missing.map(([id]) => id)).to.deep.equal([]);
  });

  it('names npm scripts that there are', () => {
    const named = pages().flatMap(({code}) =>
      code.flatMap((line) => [...line.matchAll(/\bnpm (?:run )?([\w:-]+)/g)].map(([, name]) => name!)),
    );
    const npmOwn = ['pack', 'install', 'ci', 'publish'];
    expect(named.filter((name) => scripts[name] === undefined && !npmOwn.includes(name))).to.deep.equal([]);
    expect(named).to.include('picture');
  });

  it('links to pages, sections and files that there are', () => {
    const dead = pages().flatMap(({name, links, ...rest}) =>
      links
        .filter((link) => !/^https:\/\//.test(link))
        .filter((link) => {
          const [path = '', anchor] = link.split('#');
          const target = path === '' ? name : join(dirname(name), path);
          if (!existsSync(join(root, target))) return true;
          if (anchor === undefined) return false;
          const linked = path === '' ? {name, links, ...rest} : page(target);
          return !anchorsOf(linked).includes(anchor);
        })
        .map((link) => `${name}: ${link}`),
    );
    expect(dead).to.deep.equal([]);
  });

  it('names files of the checkout that there are', () => {
    const gone = pages().flatMap(({name, code}) =>
      code
        .flatMap((line) => [...line.matchAll(/(?<![\w./-])(?:test|src|docs|bin|scripts)\/[\w./-]*\w/g)])
        .map(([path]) => path)
        .filter((path) => !existsSync(join(root, path)))
        .map((path) => `${name}: ${path}`),
    );
    expect(gone).to.deep.equal([]);
  });

  it('has every exit code in the README, and no other', () => {
    const source = readFileSync(join(root, 'src/foundation/exit-code.ts'), 'utf8');
    const codes = [...source.matchAll(/^ {2}\w+: (\d+),$/gm)].map(([, code]) => code!);
    const listed = [...page('README.md').text.matchAll(/^\| (\d+) \|/gm)].map(([, code]) => code!);
    expect(listed).to.deep.equal(['0', ...codes]);
    expect(codes).to.have.length.greaterThan(5);
  });

  it('has for each of the eight promises a test', () => {
    const promises = page('docs/SECURITY.md').text.split('\n### ').slice(1);
    const held = promises.map((promise) => /^Held by:[^]*?`test\/[^`]+\.test\.ts`/m.test(promise));
    expect(held).to.deep.equal(Array.from({length: 8}, () => true));
  });
});
