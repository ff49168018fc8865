// Written so that Node 12 can still read it: an older Node must be able to say that it is too old.
import {existsSync, readFileSync, realpathSync} from 'node:fs';
import {dirname, join} from 'node:path';
import {fileURLToPath} from 'node:url';

/**
 * True when a Node has what TazPod needs: `process.execve` came with 22.15.
 *
 * @param {string} version
 */
export function isCurrent(version) {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  return major > 22 || (major === 22 && minor >= 15);
}

/**
 * Runs a program once more on the Node of the npm package `node`, found from the program's real place and nowhere
 * else, and ends as that one ends: its exit code, or 128+N for signal N. Without that Node: one line on standard
 * error and exit 69.
 *
 * @param {string} url the program's `import.meta.url`
 * @param {NodeJS.ProcessEnv} environment
 * @param {string[]} [args]
 */
export async function relaunch(url, environment, args = process.argv.slice(2)) {
  const program = realpathSync(fileURLToPath(url));
  const root = dirname(dirname(program));
  const node = join(root, 'node_modules', 'node', 'bin', 'node');
  if (!existsSync(node) || process.execPath === realpathSync(node)) {
    process.stderr.write('TazPod needs Node.js 22.15 or newer, and this is ' + process.versions.node + '.\n');
    process.exit(69);
  }

  const {spawn} = await import('node:child_process');
  const {constants} = await import('node:os');
  /** @type {NodeJS.Signals[]} */
  const keyboard = ['SIGINT', 'SIGQUIT'];
  /** @type {NodeJS.Signals[]} */
  const others = ['SIGHUP', 'SIGTERM', 'SIGUSR1', 'SIGUSR2', 'SIGALRM', 'SIGCONT'];
  for (const signal of others.concat(keyboard)) {
    process.on(signal, () => {
      // What is typed on the terminal reaches its whole foreground group, so the child has it already.
      if (!keyboard.includes(signal) || !inForeground()) child.kill(signal);
    });
  }
  const child = spawn(node, [program].concat(args), {
    env: environment,
    // By the last one the program learns that this process has been killed: see `endWithParent`.
    stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
  });
  child.on('error', (error) => {
    process.stderr.write('TazPod cannot start ' + node + ': ' + error.message + '\n');
    process.exit(69);
  });
  child.on('exit', (code, signal) => {
    process.exit(signal ? 128 + constants.signals[signal] : Number(code));
  });
}

/** Ends this process when the older Node that relaunched it does, by whatever end. */
export function endWithParent() {
  if (!process.channel) return;
  process.once('disconnect', () => process.exit(129));
  process.channel.unref();
}

/** True when this process is in the foreground process group of its terminal. */
function inForeground() {
  // proc_pid_stat(5): after the command's name in brackets come state, ppid, pgrp, session, tty_nr, tpgid.
  const stat = readFileSync('/proc/self/stat', 'latin1');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return fields[2] === fields[5];
}
