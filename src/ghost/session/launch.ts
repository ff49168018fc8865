import {
  accessSync,
  closeSync,
  constants,
  existsSync,
  fstatSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import {isWritable} from '../../foundation/access.ts';
import {restoreSignalDefaults} from '../../foundation/signal-defaults.ts';
import {fallbackRuntimeFolder, runtimeFolderOf} from '../../lifecycle/runtime-folder.ts';
import {isKnownVault} from '../../lifecycle/vault-mark.ts';
import type {SessionPlan} from '../../lifecycle/plan.ts';
import {withoutDebuggers} from './debuggers.ts';

/**
 * What `session.ts` writes for the first process of a session: what to run, and in which environment.
 */
export type LaunchOrder = Pick<SessionPlan, 'command' | 'environment' | 'workingFolder' | 'umask'> & {
  readonly mountPoint: string;
  readonly readOnly: boolean;
  /** Nobody else is in the session yet: temporary files that are there are those of one that has ended. */
  readonly first: boolean;
};

/**
 * The last step down: this runs as the user, without a capability and without a way to one, in the session's
 * namespaces, and becomes the user's program. Up to here the environment was TazPod's own; from here on it is the
 * user's.
 */
function launch(orderPath: string): never {
  const order = JSON.parse(readFileSync(orderPath, 'utf8')) as LaunchOrder;
  unlinkSync(orderPath);
  closeInherited();
  process.umask(privateUmask);
  const environment = withoutDebuggers({...withoutOuterTerminals(order.environment), ...ghostEnvironment(order)});
  try {
    process.chdir(order.workingFolder);
  } catch {
    process.chdir('/');
    say('tazpod: the working directory is not accessible inside; starting in /');
  }
  process.umask(umaskOf(order));
  process.removeAllListeners('warning');
  restoreSignalDefaults();
  // env(1) looks the program up in the PATH of this environment, and ends with 126 or 127 where it finds none.
  return process.execve!('/usr/bin/env', ['env', '--', ...order.command], environment);
}

/** What is made with it is for its owner alone. */
const privateUmask = 0o077;

/**
 * The umask of the session: the caller's own, so that files of a project are what they are outside too. A vault that
 * TazPod has made keeps its files private by a default ACL. In one that does not (another tool has made it, or fuse2fs,
 * which knows no ACL, serves it), the umask does that, unless the user has set TAZPOD_UMASK.
 */
function umaskOf({umask = privateUmask, environment, mountPoint}: LaunchOrder): number {
  const asked = environment['TAZPOD_UMASK'] ?? '';
  if (/^0?[0-7]{1,3}$/.test(asked)) return parseInt(asked, 8);
  return keepsFilesPrivate(mountPoint) ? umask : privateUmask;
}

/** Asked of the file system itself: a file that is made for everybody, and is for nobody else all the same. */
function keepsFilesPrivate(mountPoint: string): boolean {
  const path = `${mountPoint}/.tazpod-umask-${process.pid}`;
  const before = process.umask(0);
  try {
    const fd = openSync(path, 'wx', 0o666);
    const {mode} = fstatSync(fd);
    closeSync(fd);
    unlinkSync(path);
    return (mode & 0o077) === 0;
  } catch {
    // A vault that is full, or not the user's to write.
    return false;
  } finally {
    process.umask(before);
  }
}

/** By write(2): Node's own stream would leave a pipe in non-blocking mode to the program that follows. */
function say(line: string): void {
  try {
    writeSync(2, `${line}\n`);
  } catch {
    // Nobody can read it.
  }
}

/** Without what leads tmux, screen and Zellij to a server outside, where a new window would be outside too. */
function withoutOuterTerminals(environment: LaunchOrder['environment']): Record<string, string> {
  const {STY: _screen, TMUX: _tmux, TMUX_PANE: _pane, ...rest} = environment;
  const {ZELLIJ: _zellij, ZELLIJ_PANE_ID: _id, ZELLIJ_SESSION_NAME: _name, ...others} = rest;
  return others;
}

/**
 * What the ghost adds to the user's environment. Temporary files go into the vault: one in /tmp could be read outside.
 * That also gives tmux a server of the session's own; with the one outside, its panes would be outside. Histories go
 * there too: a secret that was typed would be in the home otherwise. Sockets go into the session's own directory.
 */
function ghostEnvironment(order: LaunchOrder): Record<string, string> {
  const {mountPoint, first, environment} = order;
  const temporary = temporaryFolder(mountPoint, first);
  const usable = !first || withholdForeignVariables(order);
  return {
    ...histories(mountPoint),
    ...ownRuntimeFolder(environment),
    TAZPOD_GHOST_MODE: 'true',
    ...(usable ? {TAZPOD_VAULT: mountPoint} : {}),
    TMPDIR: temporary,
    TMUX_TMPDIR: temporary,
  };
}

/** In the vault, or where that has no room for it or cannot be written by the user, in the session's own memory. */
function temporaryFolder(mountPoint: string, first: boolean): string {
  const temporary = `${mountPoint}/.tazpod/tmp`;
  try {
    for (const folder of [`${mountPoint}/.tazpod`, temporary]) {
      removeUnless('isDirectory', folder);
      mkdirSync(folder, {recursive: true, mode: 0o700});
    }
    for (const name of first ? readdirSync(temporary) : []) {
      rmSync(`${temporary}/${name}`, {recursive: true, force: true});
    }
    accessSync(temporary, constants.W_OK);
    return temporary;
  } catch {
    return '/dev/shm';
  }
}

/**
 * Shells of the session read what a pull has rendered in the vault, which is code. Where that was no pull of this
 * account's, it is put out of their reach; a pull, or `tazpod env --trust`, brings it back. False where that fails: then
 * the session is not told where the vault is, and finds nothing to read.
 */
function withholdForeignVariables({mountPoint, environment, readOnly}: LaunchOrder): boolean {
  const path = `${mountPoint}/.tazpod/environment`;
  let there;
  try {
    there = lstatSync(path, {throwIfNoEntry: false});
  } catch {
    // The directory is another account's: what the user may not look at, no shell of the user's reads either.
    return false;
  }
  if (there === undefined || isKnownVault(mountPoint, environment)) return true;
  try {
    if (there.isDirectory()) renameSync(path, `${path}-${process.pid}`);
    else unlinkSync(path);
    return true;
  } catch {
    return false;
  } finally {
    say('tazpod: the variables in this vault are not set: this account did not pull them.');
    say(readOnly ? '  Next: tazpod exec -- tazpod env --trust' : '  Next: tazpod pull');
  }
}

/**
 * Where programs keep what was typed into them, by the variable that each of them asks: in the vault, or if it cannot be
 * written, in the session's own memory. fish has none for the place, and writes nothing to the disk when this one is
 * empty.
 */
const historyVariables: Readonly<Record<string, string>> = {
  HISTFILE: 'history',
  GDBHISTFILE: 'history-gdb',
  JULIA_HISTORY: 'history-julia',
  LESSHISTFILE: 'history-less',
  MYSQL_HISTFILE: 'history-mysql',
  MARIADB_HISTFILE: 'history-mysql',
  NODE_REPL_HISTORY: 'history-node',
  OCTAVE_HISTFILE: 'history-octave',
  PSQL_HISTORY: 'history-psql',
  PYTHON_HISTORY: 'history-python',
  R_HISTFILE: 'history-r',
  REDISCLI_HISTFILE: 'history-redis',
  SQLITE_HISTORY: 'history-sqlite',
};

function histories(mountPoint: string): Record<string, string> {
  const folder = isWritable(`${mountPoint}/.tazpod`) ? `${mountPoint}/.tazpod/` : '/dev/shm/.tazpod-';
  const paths = Object.entries(historyVariables).map(([variable, name]) => [variable, `${folder}${name}`]);
  for (const [, path] of paths) {
    try {
      removeUnless('isFile', path!);
    } catch {
      // Then the program cannot write there either.
    }
  }
  return {...(Object.fromEntries(paths) as Record<string, string>), fish_history: ''};
}

/**
 * The directory for sockets that no other namespace has. The D-Bus address and the Kerberos cache are named, because
 * without a name the programs would find those outside: by the X server, and in /tmp.
 */
function ownRuntimeFolder(environment: LaunchOrder['environment']): Record<string, string> {
  const usual = runtimeFolderOf(process.getuid!());
  const folder = existsSync(fallbackRuntimeFolder) ? fallbackRuntimeFolder : existsSync(usual) ? usual : undefined;
  if (folder === undefined) return {};
  const {DBUS_SESSION_BUS_ADDRESS: bus, KRB5CCNAME: tickets} = environment;
  return {
    XDG_RUNTIME_DIR: folder,
    ...(bus === undefined ? {DBUS_SESSION_BUS_ADDRESS: `unix:path=${folder}/bus`} : {}),
    ...(tickets === undefined ? {KRB5CCNAME: `FILE:${folder}/krb5cc`} : {}),
  };
}

/** A vault may come from somebody else: a link in it is not followed, it would choose what is emptied and written. */
function removeUnless(kind: 'isDirectory' | 'isFile', path: string): void {
  const there = lstatSync(path, {throwIfNoEntry: false});
  if (there !== undefined && !there[kind]()) unlinkSync(path);
}

/** Closes every descriptor that survived an exec on the way here; Node's own are marked to be closed by the next. */
function closeInherited(): void {
  for (const name of readdirSync('/proc/self/fd')) {
    const fd = Number(name);
    if (fd <= 2 || !isOpen(fd)) continue;
    const flags = /^flags:\s*([0-7]+)$/m.exec(readFileSync(`/proc/self/fdinfo/${name}`, 'utf8'));
    if (flags !== null && (parseInt(flags[1]!, 8) & closeOnExec) === 0) closeSync(fd);
  }
}

/** O_CLOEXEC of asm-generic/fcntl.h, as /proc/PID/fdinfo shows it. */
const closeOnExec = 0o2000000;

function isOpen(fd: number): boolean {
  try {
    fstatSync(fd);
    return true;
  } catch {
    return false;
  }
}

launch(process.argv[2]!);
