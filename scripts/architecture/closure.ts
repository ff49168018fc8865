import {readFileSync} from 'node:fs';
import {dirname, join, relative} from 'node:path';
import {root} from '../setup.js';

/** A program's own source: every file of src/ that it loads, from the file with which it begins. */
export type Closure = {
  /** Paths in the checkout, in order. */
  readonly files: readonly string[];
  readonly lines: number;
};

/** Imports of values; a type is gone before anything runs. */
const imports = /^(?:import|export) (?!type )(?:[^'";]*? from )?'(\.[^']+)'/gm;

/** Follows the imports of these files of src/, such as `ghost/main.ts`. */
export function closureOf(entries: readonly string[]): Closure {
  const seen = new Map<string, string>();
  const visit = (path: string): void => {
    if (seen.has(path)) return;
    const text = readFileSync(path, 'utf8');
    seen.set(path, text);
    for (const [, target] of text.matchAll(imports)) visit(join(dirname(path), target!));
  };
  for (const entry of entries) visit(join(root, 'src', entry));
  const lines = [...seen.values()].reduce((sum, text) => sum + text.trimEnd().split('\n').length, 0);
  return {files: [...seen.keys()].map((path) => relative(root, path)).sort(), lines};
}
