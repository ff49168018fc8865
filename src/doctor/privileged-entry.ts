import {existsSync, lstatSync, readdirSync, readlinkSync, realpathSync, type Stats, statSync} from 'node:fs';
import {dirname, join, resolve} from 'node:path';
import type {DoctorContext} from './context.ts';
import type {Finding} from './finding.ts';
import {leastNodeVersion} from './node.ts';
import type {SudoReport} from './sudo.ts';
import {isOlder} from './version.ts';

export type EntryReport = {
  readonly finding: Finding;
  /** Where the entry really lies; undefined if it does not exist. */
  readonly entry: string | undefined;
  /** Root has a Node that can run it. */
  readonly runnable: boolean;
  /** Nobody but root can change what would run as root. */
  readonly safe: boolean;
};

/** A file or directory that decides what runs as root, and who besides root may change it. */
export type Weakness = {readonly path: string; readonly by: string};

/**
 * Whether the user can change what runs as root: the entry, what it loads, the Node that runs it, and every directory
 * on the way to any of them. If they can, any code of the user's becomes root: at the next password that is typed for
 * sudo, or at once where none is asked for.
 */
export async function examinePrivilegedEntry(context: DoctorContext, {answer}: SudoReport): Promise<EntryReport> {
  const finding = {id: 'privileged-entry', title: 'Privileged half'} as const;
  const entry = realPath(context.entry);
  if (entry === undefined) {
    const detail = `${context.entry} does not exist: this installation of TazPod is incomplete.`;
    return {finding: {...finding, verdict: 'missing', detail}, entry, runnable: false, safe: false};
  }
  const nodes = await nodesForRoot(entry, context);
  const weaknesses = findWeaknesses([...codeOf(context.entry), ...nodes], context);
  const report = {entry, runnable: nodes.length > 0, safe: weaknesses.length === 0};
  const noNode = `Root finds no Node.js ${leastNodeVersion} in ${context.securePath.join(', ')}: sessions cannot be sealed.`;

  const [first] = weaknesses;
  if (['absent', 'refused', 'blocked'].includes(answer)) {
    return {...report, finding: {...finding, verdict: 'ok', detail: 'No part of TazPod runs as root here.'}};
  }
  if (first !== undefined) {
    const more = weaknesses.length === 1 ? '' : `, and ${weaknesses.length - 1} more`;
    const danger =
      context.uid === 0
        ? 'Any process that can change it becomes root at the next unlock'
        : 'Anyone who can run code as you can become root through sudo';
    const detail = `${danger}: ${first.path} can be changed by ${first.by}${more}.`;
    const details = report.runnable ? detail : `${detail} ${noNode}`;
    return {...report, finding: {...finding, verdict: 'warning', detail: details, fix: globalInstall(entry, context)}};
  }
  if (!report.runnable) {
    // A copy that belongs to root: a link would let root run a file of the user's.
    const fix = `sudo install --mode=0755 ${realPath(context.nodePath) ?? 'node'} /usr/local/bin/node`;
    return {...report, finding: {...finding, verdict: 'warning', detail: noNode, fix}};
  }
  return {...report, finding: {...finding, verdict: 'ok', detail: `Only root can change ${entry} and what it runs.`}};
}

/** Who besides root may change these files, or swap them for others by a directory above them. */
export function findWeaknesses(
  paths: readonly string[],
  who: Pick<DoctorContext, 'uid' | 'gids' | 'mayWrite'>,
): Weakness[] {
  return [...new Set(paths.flatMap(wayTo))].flatMap((path) => {
    const by = whoMayChange(path, who);
    return by === undefined ? [] : [{path, by}];
  });
}

/** The path, all directories above it, and the same for each symbolic link that it leads through. */
function wayTo(path: string): string[] {
  const way: string[] = [];
  for (let here = path; ; here = dirname(here)) {
    way.push(here);
    if (here === dirname(here)) break;
  }
  const real = realPath(path);
  const target = linkTarget(path);
  return [
    ...way,
    ...(target === undefined ? [] : wayTo(target)),
    ...(real === undefined || real === path ? [] : wayTo(real)),
  ];
}

function whoMayChange(path: string, {uid, gids, mayWrite}: Parameters<typeof findWeaknesses>[1]): string | undefined {
  const stat = lstatSync(path, {throwIfNoEntry: false});
  // A link cannot be written, only swapped: the directory that it lies in decides.
  if (stat === undefined || stat.isSymbolicLink()) return undefined;
  if (stat.uid !== 0) return stat.uid === uid ? 'you' : `user ${stat.uid}`;
  // In a directory such as /tmp nobody can move what belongs to somebody else.
  if (isSticky(stat)) return undefined;
  if ((stat.mode & 0o002) !== 0) return 'everyone';
  if ((stat.mode & 0o020) !== 0 && uid !== 0 && gids.includes(stat.gid)) return `your group ${stat.gid}`;
  return mayWrite(path) === true ? 'you, by an access list' : undefined;
}

function isSticky(stat: Stats): boolean {
  return stat.isDirectory() && (stat.mode & 0o1000) !== 0;
}

/** The entry and everything of ours that it loads. */
function codeOf(entry: string): string[] {
  const root = dirname(dirname(realPath(entry) ?? entry));
  const built = join(root, 'dist');
  return [
    entry,
    // `"type": "module"` stands there, and with it how every file is read.
    join(root, 'package.json'),
    built,
    ...allBelow(built),
  ];
}

function allBelow(folder: string): string[] {
  try {
    return readdirSync(folder, {recursive: true, encoding: 'utf8'}).map((name) => join(folder, name));
  } catch {
    // From a checkout that was not built yet the entry cannot run at all.
    return [];
  }
}

/**
 * The Nodes that the entry (`bin/tazpod-ghost`) starts as root, in its order: those that it only asks for their version,
 * and the first that is new enough. None when root cannot run the entry.
 */
async function nodesForRoot(entry: string, context: DoctorContext): Promise<string[]> {
  const packaged = nodesOfPackage(dirname(dirname(entry)));
  const called = context.uid === 0 ? [context.nodePath] : [];
  const asked: string[] = [];
  for (const node of [...called, ...packaged, ...context.securePath.map((folder) => `${folder}/node`)]) {
    if (!mayRunAsRoot(node, packaged.includes(node) ? entry : undefined)) continue;
    asked.push(node);
    if (!isOlder(await versionOf(node, context), leastNodeVersion)) return asked;
  }
  return [];
}

/** The Node that came with the package, and the one beside npm's links, where npm has installed the package globally. */
function nodesOfPackage(root: string): string[] {
  const own = join(root, 'node_modules', 'node', 'bin', 'node');
  const prefix = /^(.*)\/lib\/node_modules\//.exec(root)?.[1];
  return prefix === undefined ? [own] : [own, join(prefix, 'bin', 'node')];
}

/** Root runs a Node of root's; one that belongs to the package is as good as the package, where one user owns both. */
function mayRunAsRoot(node: string, packageEntry: string | undefined): boolean {
  const owner = statSync(node, {throwIfNoEntry: false})?.uid;
  if (owner === undefined) return false;
  return owner === 0 || (packageEntry !== undefined && statSync(packageEntry).uid === owner);
}

async function versionOf(node: string, {nodePath, nodeVersion, run}: DoctorContext): Promise<string> {
  if (realPath(node) === realPath(nodePath)) return nodeVersion;
  const {stdout} = await run('sh', ['-c', '"$0" --version', node]);
  return stdout.toString().replace(/^v/, '');
}

/**
 * An install of root's. No package's install script may run as root: only ours would, and ours has none. A checkout makes
 * the package of the system's kind, because root may have no npm: where nvm, fnm, volta, asdf or mise keeps Node in a
 * home, sudo finds none. The user's own install then has to go, because their PATH has it first.
 */
function globalInstall(entry: string, {uid, hasApt, securePath}: DoctorContext): string {
  const root = dirname(dirname(entry));
  const sudo = uid === 0 ? '' : 'sudo ';
  const checkout = lstatSync(join(root, '.git'), {throwIfNoEntry: false}) !== undefined;
  if (!checkout) {
    const install = `${sudo}npm install --global --ignore-scripts tazpod`;
    const hasNpm = uid === 0 || securePath.some((folder) => existsSync(join(folder, 'npm')));
    const npm = hasNpm ? '' : hasApt ? `${sudo}apt-get install npm && ` : 'install npm for root, then: ';
    const isOwn = uid !== 0 && statSync(entry).uid === uid;
    return `${npm}${install}${isOwn ? ' && npm uninstall --global tazpod' : ''}`;
  }
  return hasApt
    ? `npm run package -- --only deb && ${sudo}apt-get install ./packages/tazpod_*.deb`
    : `npm run package -- --only tarball && tar -C packages -xf packages/tazpod-*.tar.xz && ${sudo}packages/tazpod-*/install.sh`;
}

function linkTarget(path: string): string | undefined {
  try {
    return resolve(dirname(path), readlinkSync(path));
  } catch {
    return undefined;
  }
}

function realPath(path: string): string | undefined {
  try {
    return realpathSync(path);
  } catch {
    return undefined;
  }
}
