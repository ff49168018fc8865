import {chownSync, closeSync, existsSync, mkdirSync, writeFileSync} from 'node:fs';
import {dirname, join} from 'node:path';
import {isWithin} from '../../foundation/path-within.ts';
import {bareMount} from '../../engines/bare-mount.ts';
import {findProgram, run} from '../../kernel/program.ts';
import type {OpenPlan} from '../../lifecycle/plan.ts';
import {fallbackRuntimeFolder, runtimeFolderOf} from '../../lifecycle/runtime-folder.ts';
import {Directory} from '../directory.ts';
import {asCaller, type Caller} from '../caller.ts';
import {noOwnSockets} from '../failures.ts';
import type {OpenedPlan} from '../plan/check-plan.ts';
import {printablePath} from '../../foundation/printable.ts';

/*
 * The kernel finds a socket by its inode, with any mounts: a program that listens in a directory which is there
 * outside too can be reached from there, and takes a program inside for its own. So the session gets empty directories
 * in the places where agents put their sockets.
 */

/** Directories of the home in which programs put sockets only. The ones that are made are what these programs make. */
const socketFolders: readonly {readonly path: string; readonly make: boolean}[] = [
  // git credential-cache; the second one is where it looks first, if it is there.
  {path: '.cache/git/credential', make: true},
  {path: '.git-credential-cache', make: false},
  // ssh-agent of OpenSSH 10.1 and newer.
  {path: '.ssh/agent', make: true},
];

/**
 * Gives the session an XDG_RUNTIME_DIR and socket directories of its own. Returns sentences about what cannot be had.
 *
 * Safe as root: /run/user is root's; it is covered with a tmpfs in the ghost's own mount namespace, which nobody has
 * entered yet, so that what is made in it is made under names that nobody else can change. What is shared was opened with
 * the caller's ids and is bound by its descriptor.
 */
export async function mountOwnSockets(caller: Caller, plan: OpenPlan, opened: OpenedPlan): Promise<string[]> {
  const {sessionUid} = caller;
  const folder = existsSync(dirname(runtimeFolderOf(sessionUid))) ? runtimeFolderOf(sessionUid) : fallbackRuntimeFolder;
  if (folder !== fallbackRuntimeFolder) await mount(['-t', 'tmpfs', '-o', options(0o755), 'tazpod', dirname(folder)]);
  makeFolder(caller, folder);
  for (const {fd, name} of opened.shared) {
    const target = join(folder, name);
    for (const above of foldersAbove(name)) makeFolder(caller, join(folder, above));
    writeFileSync(target, '', {flag: 'wx', mode: 0o600});
    await mount(['--bind', '/proc/self/fd/3', target], {descriptors: [fd]});
    closeSync(fd);
  }
  const remarks = findProgram('e4crypt') === undefined ? [sharedKeyring] : [];
  for (const each of socketFolders) remarks.push(...(await coverSocketFolder(caller, plan, opened.homeFd, each)));
  return remarks;
}

/**
 * Safe as root: the directory is made and opened with the caller's ids, through no symbolic link, and the tmpfs goes on
 * what was opened, by its descriptor.
 */
async function coverSocketFolder(
  caller: Caller,
  {bridges, mountPoint, home}: OpenPlan,
  homeFd: number,
  {path, make}: (typeof socketFolders)[number],
): Promise<string[]> {
  // What lies in the vault is inside only, and is not covered: the files there are the vault's.
  const inVault = [...bridges.map((bridge) => bridge.home), mountPoint.slice(home.length + 1)];
  if (inVault.some((other) => isWithin(path, other) || isWithin(other, path))) return [];
  let folder: Directory | undefined;
  try {
    folder = asCaller(caller, () => {
      const inHome = new Directory(homeFd);
      return make || inHome.look(path) !== undefined ? inHome.make(path) : undefined;
    });
  } catch {
    const shown = printablePath(`~/${path}`);
    return [
      `TazPod cannot make ${shown} private (it may be a symbolic link): processes outside the session can ` +
        `reach a program of the session that listens there.`,
    ];
  }
  if (folder === undefined) return [];
  try {
    const owner = caller.isolation === 'sealed' ? [`uid=${caller.sessionUid}`, `gid=${caller.sessionGid}`] : [];
    await mount(['-t', 'tmpfs', '-o', [options(0o700), ...owner].join(','), 'tazpod', '.'], {
      // By its own number in the child, which has this process's descriptors until it becomes mount(8). Another process's
      // need CAP_SYS_PTRACE, which root in a container lacks.
      cwd: `/proc/self/fd/${folder.fd}`,
    });
    return [];
  } finally {
    folder.close();
  }
}

const sharedKeyring =
  'The session shares the kernel keyring of your login, because e4crypt (e2fsprogs) is not installed: other processes ' +
  'of yours can read the keys that it puts there.';

function options(mode: number): string {
  return `mode=0${mode.toString(8)},nosuid,nodev`;
}

/** `pulse/native` → `pulse`. */
function foldersAbove(name: string): string[] {
  const names = name.split('/').slice(0, -1);
  return names.map((_name, index) => names.slice(0, index + 1).join('/'));
}

function makeFolder({sessionUid, sessionGid, isolation}: Caller, path: string): void {
  mkdirSync(path, {recursive: true, mode: 0o700});
  if (isolation === 'sealed') chownSync(path, sessionUid, sessionGid);
}

async function mount(args: readonly string[], where: Parameters<typeof run>[2] = {}): Promise<void> {
  const result = await run('mount', [...bareMount, ...args], where);
  if (result.code === 0) return;
  throw noOwnSockets(result.stderr);
}
