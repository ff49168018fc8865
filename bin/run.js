#!/usr/bin/env node
// The syntax stays readable for Node 12, and nothing newer is imported before the version is known.
import {endWithParent, isCurrent, relaunch} from './relaunch.js';

async function start() {
  endWithParent();
  await useCompileCache();
  /** @type {typeof import('../src/cli/run.ts')} */
  const {runCli} = await import(new URL('../dist/cli/run.js', import.meta.url).href);
  await runCli(process.argv.slice(2));
}

/** Keeps compiled code in the user's own cache folder. A cache is code: root takes none, and nobody another's. */
async function useCompileCache() {
  const uid = process.getuid && process.getuid();
  if (!uid) return;
  const {enableCompileCache} = await import('node:module');
  const {mkdirSync, statSync} = await import('node:fs');
  const {homedir} = await import('node:os');
  const home = homedir();
  const cache = process.env.XDG_CACHE_HOME || (home && home + '/.cache');
  const owner = home && statSync(home, {throwIfNoEntry: false});
  if (!owner || owner.uid !== uid || !cache.startsWith('/')) return;
  // XDG_CACHE_HOME may be left over from another user: what is there must be this one's, and nobody else's to write.
  try {
    for (const folder of [cache, cache + '/tazpod', cache + '/tazpod/node']) {
      const there = statSync(folder, {throwIfNoEntry: false});
      if (there && (there.uid !== uid || there.mode & 0o002)) return;
      if (!there) mkdirSync(folder, {mode: 0o700});
    }
  } catch {
    // A cache that cannot be made is missed by nobody.
    return;
  }
  enableCompileCache(cache + '/tazpod/node');
}

if (isCurrent(process.versions.node)) void start();
else void relaunch(import.meta.url, process.env);
