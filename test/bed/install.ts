import {spawnSync} from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import {basename, dirname, join} from 'node:path';
import {buildWhenStale} from '../../scripts/build.js';
import {bundledPackages} from '../../scripts/bundle.js';
import {neededPackages} from '../../scripts/package/locked-packages.js';
import {projectNode, root} from '../../scripts/setup.js';
import {SetUpError} from '../../scripts/terminal.js';
import {type SudoersDialect, sudoersFile} from '../../src/doctor/sudoers.ts';
import {atTheEnd, madeByThisRun, makerHasEnded} from './made-by.ts';
import type {BedUser} from './user.ts';

/**
 * A copy of the built product that belongs to root and that every user can read, as a global install would be; the
 * checkout may lie where the test users cannot go.
 */
export type Install = {
  readonly folder: string;
  /** The privileged entry. */
  readonly ghost: string;
  /** The CLI's entry. */
  readonly cli: string;
  /** A Node that is new enough. */
  readonly node: string;
  /** For a user's PATH: the commands `tazpod` and `node`. */
  readonly path: string;
};

/** Every directory above it must be root's alone: /usr/local belongs to the group `staff` on some machines. */
const parent = '/opt';
const prefix = 'tazpod-test-';
const sudoersFolder = '/etc/sudoers.d';

let made: Install | undefined;

/** The copy of this test run: made at the first call, removed at the end of the run. */
export function install(): Install {
  // In the virtual machine, where copying takes minutes, the one of the machine around it.
  const given = process.env['TAZPOD_TEST_INSTALL'];
  made ??= given === undefined ? makeInstall() : describeInstall(given);
  return made;
}

/** How sudo lets a user run the privileged entry as root. Everything else is the machine's own sudoers file. */
export type SudoRule = {
  /**
   * `no password`: one line, and Debian's own `use_pty`, `env_reset` and `secure_path` hold. `password`: the same line,
   * and sudo asks (`givePassword`). `doctor`: the rule that `tazpod doctor` proposes, with defaults of its own.
   */
  readonly kind?: 'no password' | 'password' | 'doctor';
  /** Of the doctor's rule. Default: that of sudo. */
  readonly dialect?: SudoersDialect;
  /** Another copy than that of the test run. */
  readonly copy?: Install;
};

/** Lets a user run the privileged entry as root, and nothing else. Returns what takes that back. */
export function allowSudo(user: BedUser, {kind = 'no password', dialect, copy = install()}: SudoRule = {}): () => void {
  const {folder, ghost} = copy;
  const rule = kind === 'doctor' ? doctorsRule(user, copy, dialect) : plainRule(user, kind, ghost);
  // sudo skips names with a dot, so the file appears at once and whole.
  const path = join(sudoersFolder, copy === made ? user.name : `${user.name}-${basename(folder)}`);
  writeFileSync(`${path}.new`, `# ${madeByThisRun}\n${rule}`, {mode: 0o440});
  const checked = spawnSync('visudo', ['--check', '--file', `${path}.new`], {encoding: 'utf8'});
  if (checked.status !== 0) {
    rmSync(`${path}.new`);
    throw new Error(`visudo refuses the rule: ${checked.stdout}${checked.stderr}`);
  }
  renameSync(`${path}.new`, path);
  const revoke = () => rmSync(path, {force: true});
  atTheEnd(revoke);
  return revoke;
}

function plainRule({name}: BedUser, kind: 'no password' | 'password', ghost: string): string {
  return `${name} ALL=(root) ${kind === 'password' ? '' : 'NOPASSWD: '}${ghost}\n`;
}

function doctorsRule({name, uid}: BedUser, {ghost, path}: Install, dialect: SudoersDialect = 'sudo'): string {
  const securePath = [path, '/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin'];
  const rule = sudoersFile({userName: name, uid, entry: ghost, securePath, dialect});
  if (rule === undefined) throw new Error(`${ghost} cannot stand in a sudoers file`);
  return rule;
}

/** A directory for one more copy, which is removed at the end of the run. */
export function makeInstallFolder(): string {
  const folder = mkdtempSync(join(parent, prefix));
  atTheEnd(() => rmSync(folder, {recursive: true, force: true}));
  writeFileSync(join(folder, '.made-by'), madeByThisRun);
  chmodSync(folder, 0o755);
  return folder;
}

function makeInstall(): Install {
  removeAbandoned();
  freshen();
  const folder = makeInstallFolder();
  for (const name of ['archives', 'bin', 'dist']) copyAsRoot(join(root, name), join(folder, name));
  for (const name of ['package.json', 'oclif.manifest.json']) copyFileSync(join(root, name), join(folder, name));
  for (const name of productionPackages()) {
    const target = join(folder, name);
    mkdirSync(dirname(target), {recursive: true});
    linkAsRoot(join(root, name), target);
  }
  const node = join(folder, 'node_modules/node/bin/node');
  mkdirSync(dirname(node), {recursive: true});
  linkAsRoot(projectNode(), node);

  const copy = describeInstall(folder);
  mkdirSync(copy.path);
  writeFileSync(join(copy.path, 'tazpod'), `#!/bin/sh\nexec ${copy.node} ${copy.cli} "$@"\n`, {mode: 0o755});
  linkAsRoot(node, join(copy.path, 'node'));
  return copy;
}

/**
 * One more copy, which runs the modules instead of the programs that the build makes of them: for a test that changes a
 * module. Everything else is the same, and in the same places. A file of it is shared with the first copy: one that is to
 * be changed must be replaced.
 */
export function installOfModules(): Install {
  const original = install().folder;
  const folder = makeInstallFolder();
  const {status, stderr} = spawnSync('cp', ['-al', '--force', `${original}/.`, folder], {encoding: 'utf8'});
  if (status !== 0) throw new Error(`cp: ${stderr}`);
  rmSync(join(folder, 'dist'), {recursive: true});
  copyAsRoot(join(root, 'build'), join(folder, 'dist'));
  const packages = new Set(bundledPackages().flatMap((path) => [path, ...neededPackages(path)]));
  for (const name of [...packages].sort()) {
    const target = join(folder, name);
    if (existsSync(target)) continue;
    mkdirSync(dirname(target), {recursive: true});
    linkAsRoot(join(root, name), target);
  }
  return describeInstall(folder);
}

/** Where everything is in a copy. */
export function describeInstall(folder: string): Install {
  return {
    folder,
    ghost: join(folder, 'bin/tazpod-ghost'),
    cli: join(folder, 'bin/run.js'),
    node: join(folder, 'node_modules/node/bin/node'),
    path: join(folder, 'path'),
  };
}

/** The tests run what is in src/ now, with or without `npm test` around them. */
function freshen(): void {
  try {
    buildWhenStale();
  } catch (error) {
    if (!(error instanceof SetUpError)) throw error;
  }
}

/** The packages at the top of node_modules that the product needs to run; nested ones come with them. */
export function productionPackages(): string[] {
  const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, {dev?: boolean; link?: boolean}>;
  };
  return Object.entries(lock.packages)
    .filter(([path, {dev, link}]) => /^node_modules\/(@[^/]+\/)?[^/]+$/.test(path) && dev !== true && link !== true)
    .map(([path]) => path)
    .filter((path) => existsSync(join(root, path)));
}

/** A copy of its own: a build that runs meanwhile does not change it. */
function copyAsRoot(from: string, to: string): void {
  cpSync(from, to, {recursive: true, dereference: true});
  spawnSync('chmod', ['-R', 'u=rwX,go=rX', to]);
}

/** Hard links where they are as good as copies: the same file system, and root's files that nobody else can write. */
export function linkAsRoot(from: string, to: string): void {
  const {uid, mode} = statSync(from);
  const linked = uid === 0 && (mode & 0o022) === 0 && spawnSync('cp', ['-al', from, to]).status === 0;
  if (linked) return;
  rmSync(to, {recursive: true, force: true});
  copyAsRoot(from, to);
}

function removeAbandoned(): void {
  for (const name of readdirSync(parent).filter((each) => each.startsWith(prefix))) {
    const mark = join(parent, name, '.made-by');
    if (existsSync(mark) && makerHasEnded(readFileSync(mark, 'utf8'))) {
      rmSync(join(parent, name), {recursive: true, force: true});
    }
  }
  for (const name of readdirSync(sudoersFolder).filter((each) => each.startsWith(prefix))) {
    const path = join(sudoersFolder, name);
    const [first = ''] = readFileSync(path, 'utf8').split('\n');
    if (makerHasEnded(first.replace('# ', ''))) rmSync(path);
  }
}
