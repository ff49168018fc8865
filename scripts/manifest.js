// Writes oclif.manifest.json, from which oclif knows the commands without loading them; `--check` only compares.
import {existsSync, readFileSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {Plugin, settings} from '@oclif/core';
import {buildWhenStale} from './build.js';
import {root} from './setup.js';
import {endWith, SetUpError} from './terminal.js';

const path = join(root, 'oclif.manifest.json');

/** The manifest of what lies in dist/. */
async function manifest() {
  settings.enableAutoTranspile = false;
  const plugin = new Plugin({
    errorOnManifestCreate: true,
    ignoreManifest: true,
    respectNoCacheDefault: true,
    root,
    type: 'core',
  });
  await plugin.load();
  const {commands, version} = plugin.manifest;
  const sorted = Object.fromEntries(Object.entries(commands).sort(([a], [b]) => (a < b ? -1 : 1)));
  return `${JSON.stringify({commands: sorted, version}, null, 2)}\n`;
}

await endWith(async () => {
  // Of an older build it would lack commands.
  buildWhenStale();
  const current = await manifest();
  if (!process.argv.includes('--check')) {
    writeFileSync(path, current);
    return 0;
  }
  if (existsSync(path) && readFileSync(path, 'utf8') === current) return 0;
  throw new SetUpError(65, 'oclif.manifest.json is not current, please type: npm run manifest');
});
