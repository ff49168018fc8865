// What git sees in the checkout, so that a test run can tell what it left there.
import {spawnSync} from 'node:child_process';

/** What a run may make: all of it is built from the rest. */
const made = /(^|\/)(node_modules|dist|build|archives|coverage)(\/|$)|(^|\/)\.eslintcache$|\.tsbuildinfo$/;

/**
 * The lines of `git status` with untracked and ignored files, without what a build makes. Undefined outside of a git
 * repository, for example in an unpacked archive.
 *
 * @param {string} folder
 * @returns {string[] | undefined}
 */
export function checkoutState(folder) {
  // A foreign GIT_DIR would make git look elsewhere, for example during a git hook.
  const environment = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('GIT_')));
  const args = ['-c', 'core.quotePath=false', 'status', '--porcelain', '--untracked-files=all', '--ignored=matching'];
  const {status, stdout} = spawnSync('git', args, {cwd: folder, encoding: 'utf8', env: environment});
  if (status !== 0) return undefined;
  return stdout.split('\n').filter((line) => line !== '' && !made.test(line.slice(3)));
}

/**
 * The lines that were not there before.
 *
 * @param {string[] | undefined} before
 * @param {string[] | undefined} after
 */
export function newIn(before, after) {
  const known = new Set(before);
  return before === undefined ? [] : (after ?? []).filter((line) => !known.has(line));
}
