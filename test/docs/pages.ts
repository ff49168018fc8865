import {readdirSync, readFileSync} from 'node:fs';
import {join} from 'node:path';
import {root} from '../../scripts/setup.js';

/** A page of the documentation. */
export type Page = {
  /** Path in the checkout, `docs/json.md`. */
  readonly name: string;
  readonly text: string;
  /** Everything that is set as code, a line or a span each. */
  readonly code: readonly string[];
  /** The targets of its links and pictures. */
  readonly links: readonly string[];
};

/** Those at the top, and docs/. */
export function pages(): Page[] {
  const names = [
    'README.md',
    'CONTRIBUTING.md',
    'SECURITY.md',
    ...readdirSync(join(root, 'docs')).map((name) => `docs/${name}`),
  ];
  return names.filter((name) => name.endsWith('.md')).map(readPage);
}

/** One of them. */
export function page(name: string): Page {
  return readPage(name);
}

/** The fenced blocks of a section, each as its lines. */
export function blocksBelow({text}: Page, heading: string): string[] {
  const [, ...rest] = text.split(`\n## ${heading}\n`);
  const section = (rest[0] ?? '').split('\n## ')[0]!;
  return [...section.matchAll(/^```\w*\n([^]*?)^```$/gm)].map(([, block]) => block!);
}

/** The anchors of a page's headings, as GitHub makes them. */
export function anchorsOf({text}: Page): string[] {
  return [...text.matchAll(/^#+ (.+)$/gm)].map(([, heading]) =>
    heading!
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  );
}

function readPage(name: string): Page {
  const text = readFileSync(join(root, name), 'utf8');
  const fenced = [...text.matchAll(/^```\w*\n([^]*?)^```$/gm)].flatMap(([, block]) => block!.split('\n'));
  const prose = text.replace(/^```[^]*?^```$/gm, '');
  const spans = [...prose.matchAll(/`([^`]+)`/g)].map(([, span]) => span!);
  const links = [...prose.matchAll(/\]\(([^)]+)\)/g)].map(([, target]) => target!);
  return {name, text, code: [...fenced, ...spans], links};
}
