// Set-up, from a bare clone to something that runs. The machine's own Node runs this, 18 or newer, before any npm
// package is there: Node's own modules only.
import {spawnSync} from 'node:child_process';
import {createHash} from 'node:crypto';
import {accessSync, constants, existsSync, readdirSync, readFileSync, writeFileSync} from 'node:fs';
import {delimiter, join} from 'node:path';
import {fileURLToPath} from 'node:url';
import {isCurrent} from '../bin/relaunch.js';
import {runtimePrograms, testPrograms} from './system-packages.js';
import {endWith, say, SetUpError} from './terminal.js';

/** The checkout. */
export const root = fileURLToPath(new URL('..', import.meta.url)).replace(/\/$/, '');

const stampPath = join(root, 'node_modules', '.tazpod-setup');

/**
 * Makes sure of system programs and npm packages. What is there already costs a few file look-ups.
 *
 * @param {Record<string, string>} programs program → Debian package
 * @throws {SetUpError} 69 with the one command to type, where set-up cannot help itself
 */
export function setUp(programs) {
  installPrograms(programs);
  installNpmPackages();
}

/**
 * The Node that the project runs on: that of the npm package `node`, or the machine's where it is new enough.
 *
 * @returns {string} its absolute path
 */
export function projectNode() {
  const own = join(root, 'node_modules', 'node', 'bin', 'node');
  if (existsSync(own)) return own;
  if (isCurrent(process.versions.node)) return process.execPath;
  throw new SetUpError(
    69,
    `TazPod needs Node.js 22.15 or newer, and this is ${process.versions.node}: ` +
      `type "npm ci --ignore-scripts=false" in ${root} to give it one of its own.`,
  );
}

/**
 * The environment as it was before npm ran a script: without npm's variables and without its directories in PATH.
 *
 * @param {NodeJS.ProcessEnv} environment
 * @returns {NodeJS.ProcessEnv}
 */
export function withoutNpm(environment) {
  const npmOwn = new Set([
    'INIT_CWD',
    'COLOR',
    ...(environment['NODE'] === environment['npm_node_execpath'] ? ['NODE'] : []),
  ]);
  const kept = Object.entries(environment).filter(([name]) => !name.startsWith('npm_') && !npmOwn.has(name));
  const path = (environment['PATH'] ?? '')
    .split(delimiter)
    .filter((directory) => !/\/(node_modules\/\.bin|node-gyp-bin)$/.test(directory));
  return {...Object.fromEntries(kept), PATH: path.join(delimiter)};
}

/** @param {Record<string, string>} programs */
function installPrograms(programs) {
  const missing = Object.keys(programs).filter((program) => !isInstalled(program));
  if (missing.length === 0) return;
  const packages = [...new Set(missing.map((program) => String(programs[program])))].sort();
  if (!isInstalled('apt-get')) {
    throw new SetUpError(69, `TazPod needs these programs, please install them: ${missing.join(', ')}`);
  }

  const asRoot = waysToRoot();
  const install = ['apt-get', 'install', '-y', '--no-install-recommends', ...packages];
  if (asRoot === undefined) {
    const become = isInstalled('sudo') ? 'sudo ' : 'as root: ';
    throw new SetUpError(69, `TazPod needs system packages, please type ${become}${install.join(' ')}`);
  }

  say(`Installing ${packages.join(', ')} with apt…`);
  const apt = (/** @type {string[]} */ args) => {
    const options = ['-qq', '-o', 'DPkg::Lock::Timeout=120', '-o', 'Dpkg::Use-Pty=0'];
    return capture([...asRoot, 'env', 'DEBIAN_FRONTEND=noninteractive', 'apt-get', ...options, ...args]);
  };
  if (!hasPackageLists()) apt(['update']);
  if (apt(install.slice(1)).ok) return;
  // The lists may be older than what the mirror still has.
  apt(['update']);
  const second = apt(install.slice(1));
  if (!second.ok) throw new SetUpError(69, `${second.output}\nThis failed: ${install.join(' ')}`);
}

/**
 * The words that make a command run as root: none for root, sudo where it needs no password or has a terminal to ask
 * for one on. Undefined where there is no way.
 *
 * @returns {string[] | undefined}
 */
function waysToRoot() {
  if (process.getuid?.() === 0) return [];
  if (!isInstalled('sudo')) return undefined;
  if (capture(['sudo', '-n', 'true']).ok) return ['sudo', '-n'];
  return process.stdin.isTTY && process.stderr.isTTY ? ['sudo'] : undefined;
}

/** @param {string} program */
function isInstalled(program) {
  return ['/usr/sbin', '/usr/bin', '/sbin', '/bin'].some((directory) => {
    try {
      accessSync(`${directory}/${program}`, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

function hasPackageLists() {
  try {
    return readdirSync('/var/lib/apt/lists').some((name) => name.includes('_Packages'));
  } catch {
    return false;
  }
}

function installNpmPackages() {
  const lock = readFileSync(join(root, 'package-lock.json'));
  const stamp = `${createHash('sha256').update(lock).digest('hex')} ${process.platform} ${process.arch}\n`;
  if (existsSync(stampPath) && readFileSync(stampPath, 'utf8') === stamp) return;
  if (existsSync(stampPath) || !isAsLocked(lock)) {
    say('Installing npm packages…');
    const environment = withoutNpm(process.env);
    // npm keeps its cache in HOME; an empty one would put that into the checkout.
    if (environment['HOME'] === '') delete environment['HOME'];
    const args = ['ci', '--include=dev', '--no-audit', '--no-fund', '--loglevel=error'];
    const result = capture(['npm', ...args], {cwd: root, env: environment});
    if (!result.ok) throw new SetUpError(69, `${result.output}\nThis failed: npm ${args.join(' ')}`);
  }
  projectNode();
  writeFileSync(stampPath, stamp);
}

/**
 * True when somebody ran npm by hand already, and what lies in node_modules is what the lock names.
 *
 * @param {Buffer} lock
 */
function isAsLocked(lock) {
  const hidden = join(root, 'node_modules', '.package-lock.json');
  if (!existsSync(hidden)) return false;
  const installed = JSON.parse(readFileSync(hidden, 'utf8')).packages;
  return Object.entries(JSON.parse(lock.toString()).packages).every(
    ([path, wanted]) => path === '' || wanted.optional || installed[path]?.version === wanted.version,
  );
}

/**
 * Runs a command to its end and keeps what it said, for the case that it fails.
 *
 * @param {string[]} command
 * @param {import('node:child_process').SpawnSyncOptions} [options]
 */
function capture([program, ...args], options = {}) {
  const result = spawnSync(String(program), args, {...options, encoding: 'utf8', stdio: ['inherit', 'pipe', 'pipe']});
  const output = [result.stdout, result.stderr, result.error?.message].join('').trim();
  return {ok: result.status === 0, output};
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await endWith(() => {
    setUp({...runtimePrograms, ...testPrograms});
    return 0;
  });
}
