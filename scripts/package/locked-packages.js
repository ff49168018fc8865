// Which packages of node_modules a package needs when it runs, as package-lock.json knows them.
import {readFileSync} from 'node:fs';
import {join} from 'node:path';
import {root} from '../setup.js';

/**
 * @typedef {{dependencies?: Record<string, string>, optionalDependencies?: Record<string, string>, link?: boolean, resolved?: string}} Locked
 */

/**
 * The directories, relative to the checkout, of everything that a package of this repository depends on.
 *
 * @param {string} directory the package: '' for the core, 'plugins/tazpod-infisical' for a plugin
 * @returns {string[]} sorted, so that a parent stands before what is nested in it
 */
export function neededPackages(directory) {
  /** @type {Record<string, Locked>} */
  const locked = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')).packages;
  /** @type {Set<string>} */
  const found = new Set();
  const open = [directory];
  for (let from = open.pop(); from !== undefined; from = open.pop()) {
    const {dependencies = {}, optionalDependencies = {}} = locked[from] ?? {};
    for (const name of Object.keys({...dependencies, ...optionalDependencies})) {
      const path = resolve(locked, from, name);
      if (path === undefined || found.has(path)) continue;
      found.add(path);
      open.push(path);
    }
  }
  return [...found].sort();
}

/**
 * Node's own search: node_modules beside the package, then beside each directory above it.
 *
 * @param {Record<string, Locked>} locked
 * @param {string} from
 * @param {string} name
 */
function resolve(locked, from, name) {
  for (
    let directory = from;
    ;
    directory = directory.includes('/') ? directory.slice(0, directory.lastIndexOf('/')) : ''
  ) {
    const path = directory === '' ? `node_modules/${name}` : `${directory}/node_modules/${name}`;
    if (locked[path] !== undefined) return path;
    if (directory === '') return undefined;
  }
}
