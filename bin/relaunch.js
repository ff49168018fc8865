// Written so that Node 12 can still read it: an older Node must be able to say that it is too old.
import {existsSync, readFileSync, realpathSync} from 'node:fs';
import {dirname, join} from 'node:path';
import {fileURLToPath} from 'node:url';

const required = [22, 15];

/** True when the Node that runs this has what TazPod needs (`process.execve` came with 22.15). */
export function isCurrent(version) {
  const parts = version.split('.').map(Number);
  return parts[0] > required[0] || (parts[0] === required[0] && parts[1] >= required[1]);
}

/**
 * Runs the program `url` (an `import.meta.url`) once more on the Node of the npm package `node`, found from the
 * program's real place and nowhere else, and ends as that one ends: its exit code, or 128+N for signal N.
 * Without that Node: one line on standard error and exit 69.
 */
export async function relaunch(url, environment) {
  const program = realpathSync(fileURLToPath(url));
  const root = dirname(dirname(program));
  const node = join(root, 'node_modules', 'node', 'bin', 'node');
  if (!existsSync(node) || process.execPath === node) {
    process.stderr.write(
      'TazPod needs Node.js ' + required.join('.') + ' or newer, and this is ' + process.versions.node + '.\n',
    );
    process.exit(69);
  }

  const {spawn} = await import('node:child_process');
  const {constants} = await import('node:os');
  const child = spawn(node, [program].concat(process.argv.slice(2)), {env: environment, stdio: 'inherit'});
  const keyboard = ['SIGINT', 'SIGQUIT'];
  const forwarded = ['SIGHUP', 'SIGTERM', 'SIGUSR1', 'SIGUSR2', 'SIGALRM', 'SIGCONT'].concat(keyboard);
  for (const signal of forwarded) {
    process.on(signal, () => {
      // What is typed on the terminal reaches its whole foreground group, so the child has it already.
      if (keyboard.includes(signal) && inForeground()) return;
      child.kill(signal);
    });
  }
  child.on('error', (error) => {
    process.stderr.write('TazPod cannot start ' + node + ': ' + error.message + '\n');
    process.exit(69);
  });
  child.on('exit', (code, signal) => {
    process.exit(signal === null ? code : 128 + constants.signals[signal]);
  });
}

/** True when this process is in the foreground process group of its terminal. */
function inForeground() {
  // proc_pid_stat(5): after the command's name in brackets come state, ppid, pgrp, session, tty_nr, tpgid.
  const stat = readFileSync('/proc/self/stat', 'latin1');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return fields[2] === fields[5];
}
