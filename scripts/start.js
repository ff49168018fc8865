// `npm start`: set-up where it is missing, then the vault of the folder in which it was typed, or the tour.
import {join} from 'node:path';
import {pathToFileURL} from 'node:url';
import {relaunch} from '../bin/relaunch.js';
import {buildWhenStale} from './build.js';
import {root, setUp, withoutNpm} from './setup.js';
import {runtimePrograms} from './system-packages.js';
import {endWith} from './terminal.js';

await endWith(async () => {
  setUp(runtimePrograms);
  buildWhenStale();
  const canAnswer = process.stdin.isTTY || Boolean(process.env['TAZPOD_PASSPHRASE_FILE']);
  const command = canAnswer ? ['vault', 'unlock', '--create'] : ['tour'];
  process.chdir(process.env['INIT_CWD'] ?? process.cwd());
  // The shell that opens is the user's own: nothing of npm's is left in its environment.
  const environment = withoutNpm(process.env);
  const program = join(root, 'bin', 'run.js');
  const args = [...command, ...process.argv.slice(2)];
  if (process.execve === undefined) return relaunch(pathToFileURL(program).href, environment, args);
  process.removeAllListeners('warning');
  return process.execve(process.execPath, [process.execPath, program, ...args], environment);
});
