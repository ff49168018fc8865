import {chmodSync, mkdirSync, mkdtempSync, writeFileSync} from 'node:fs';
import {dirname, join} from 'node:path';

/** The files of an install that decide what runs as root. */
const files = ['bin/tazpod-ghost', 'package.json', 'dist/ghost/main.js', 'node/bin/node', 'node/bin/npm'];

/** An install that belongs to root, with a Node beside it; only root can make one. Returns its directory. */
export function makeRootsInstall(): string {
  // Not in /tmp: every directory above must be root's.
  const root = mkdtempSync('/usr/local/tazpod-install-');
  chmodSync(root, 0o755);
  for (const file of files) {
    mkdirSync(dirname(join(root, file)), {recursive: true});
    writeFileSync(join(root, file), '', {mode: 0o755});
  }
  return root;
}
