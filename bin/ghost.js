#!/usr/bin/env node
// The privileged entry. Nothing is loaded but the files beside it, and no code of any package.
import {isCurrent, relaunch} from './relaunch.js';

/**
 * What sudo says of its caller, and the terminal's kind: all that a relaunched ghost is told.
 *
 * @returns {NodeJS.ProcessEnv}
 */
function ghostEnvironment() {
  /** @type {NodeJS.ProcessEnv} */
  const environment = {LC_ALL: 'C', PATH: '/usr/sbin:/usr/bin:/sbin:/bin'};
  for (const name of ['SUDO_GID', 'SUDO_UID', 'SUDO_USER', 'TERM']) {
    if (process.env[name] !== undefined) environment[name] = process.env[name];
  }
  return environment;
}

if (isCurrent(process.versions.node)) void import(new URL('../dist/ghost/main.js', import.meta.url).href);
else void relaunch(import.meta.url, ghostEnvironment(), false);
