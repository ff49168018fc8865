import {mkdtempSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {runNpm} from '../bed/registry.ts';

/** The files that `npm publish` would send from a directory, with their sizes. */
export function packedFiles(directory: string): Map<string, number> {
  const folder = mkdtempSync(join(tmpdir(), 'tazpod-packed-'));
  try {
    const said = runNpm(['pack', '--dry-run', '--ignore-scripts', '--json'], directory, {
      HOME: folder,
      npm_config_cache: join(folder, 'cache'),
    });
    const [{files}] = JSON.parse(said) as [{files: {path: string; size: number}[]}];
    return new Map(files.map(({path, size}) => [path, size]));
  } finally {
    rmSync(folder, {recursive: true, force: true});
  }
}
