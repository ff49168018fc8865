import {basename} from 'node:path';
import {parseDocument} from 'yaml';
import type {FilterName} from './template-filters.ts';

type Quotes = 'none' | 'single' | 'double';

/**
 * The filter that a value needs where a template puts it in as it is; undefined where that is no danger, or the form of
 * the file is not known by its name. `before` and `after` are the texts around it.
 */
export function needsFilter(file: string, value: Buffer, before: string, after: string): FilterName | undefined {
  const form = formOf(file);
  if (form === undefined) return undefined;
  const text = value.toString();
  return isPlain[form](text, quotesAround(before, after)) ? undefined : form;
}

function formOf(file: string): Exclude<FilterName, 'base64'> | undefined {
  const name = basename(file).toLowerCase();
  if (/^\.env(\.|$)|\.env$/.test(name)) return 'dotenv';
  if (/\.json$/.test(name)) return 'json';
  if (/\.ya?ml$/.test(name)) return 'yaml';
  return /\.(sh|bash|zsh)$/.test(name) ? 'shell' : undefined;
}

function quotesAround(before: string, after: string): Quotes {
  // Within a longer string, as in "https://{{USER}}@host", the nearest quote of the line counts.
  const line = before.slice(before.lastIndexOf('\n') + 1);
  const rest = after.split('\n')[0]!;
  const isOpen = (quote: string) => line.split(quote).length % 2 === 0 && rest.includes(quote);
  return isOpen('"') ? 'double' : isOpen("'") ? 'single' : 'none';
}

const shellPlain = (text: string, quotes: Quotes) => {
  if (quotes === 'double') return !/["\\$`]/.test(text);
  if (quotes === 'single') return !/'/.test(text);
  return /^[\w@%+:,./^?*!{}[\]-]*[\w@%+=:,./^?*!{}[\]-]*$/.test(text);
};

const jsonPlain = (text: string) => JSON.stringify(text).slice(1, -1) === text;

const isPlain: Readonly<Record<Exclude<FilterName, 'base64'>, (text: string, quotes: Quotes) => boolean>> = {
  dotenv: (text, quotes) => shellPlain(text, quotes) && !(quotes === 'single' && /\\(\\|$)|\$\{/.test(text)),
  shell: shellPlain,
  json: (text, quotes) => {
    if (quotes !== 'none') return jsonPlain(text);
    try {
      // A number or a list is meant to stand there as it is.
      JSON.parse(text);
      return true;
    } catch {
      return false;
    }
  },
  yaml: (text, quotes) => {
    if (quotes === 'double') return jsonPlain(text);
    if (quotes === 'single') return !/['\n]/.test(text);
    if (text.includes('\n')) return false;
    const document = parseDocument(`key: ${text}`);
    const value = document.get('key');
    return (
      document.errors.length === 0 && ['string', 'number', 'boolean'].includes(typeof value) && String(value) === text
    );
  },
};
