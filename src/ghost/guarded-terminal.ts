import type {ChildProcess} from 'node:child_process';
import {once} from 'node:events';
import {closeSync, constants, fstatSync, lstatSync, mkdirSync, openSync, readFileSync, type Stats} from 'node:fs';
import type {Readable} from 'node:stream';
import {start} from '../kernel/program.ts';
import type {Caller} from './caller.ts';
import {registryNotRoots} from './failures.ts';

/** The terminal that the user types at, while it is root's. */
export type GuardedTerminal = {
  /** Gives it back, unless another ghost on the same terminal still needs it. */
  release(): Promise<void>;
};

/** Root's: which terminals are root's just now, and whose each was. */
const registry = '/run/tazpod';
/** How often a guard that was killed is replaced when the terminal is to be given back. */
const attempts = 3;

/**
 * Opens a terminal that a ghost of the same caller has taken already, so that the caller can no longer open it.
 *
 * Safe as root: the path is one of a pseudo-terminal, the registry is root's and says that the terminal is the caller's,
 * and `guardTerminal` uses it only if that ghost is still there and so has it open: then the number is still that
 * terminal's.
 */
export function openTakenTerminal(caller: Caller, path: string): number | undefined {
  if (process.getuid!() !== 0 || !/^\/dev\/pts\/\d+$/.test(path)) return undefined;
  const named = lstatSync(path, {throwIfNoEntry: false});
  if (named === undefined || !named.isCharacterDevice() || named.uid !== 0) return undefined;
  let record: string;
  try {
    record = readFileSync(recordPath(named), 'utf8');
  } catch {
    return undefined;
  }
  if (!record.startsWith(`${caller.uid} `)) return undefined;
  const fd = openSync(path, constants.O_RDWR | constants.O_NOCTTY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  const opened = fstatSync(fd);
  if (opened.dev === named.dev && opened.rdev === named.rdev) return fd;
  closeSync(fd);
  return undefined;
}

/**
 * Makes the outer terminal root's for as long as the ghost lives, so that no other process of the user can open it and
 * read what is typed into the ghost or put words into it. Undefined if the terminal is not the caller's.
 *
 * The kernel ties a terminal's owner to nothing that ends with a process, so somebody has to give it back: a guard in a
 * session of its own, which waits for the end of this process, however it ends. It is root's, so nothing that the user
 * runs can kill or stop it; if it dies all the same, another takes its place.
 *
 * Several ghosts may have one terminal: a job in the background, and another in the foreground. Each guard holds a shared
 * lock on the terminal's record in the registry; the last one gives the terminal back. They take and give it one at a
 * time, under an exclusive lock on the whole registry, which only guards hold, and never for long. The kernel drops both
 * locks with their holder.
 *
 * Safe as root: owner and mode are changed through the descriptor, which was opened with the caller's ids and is a
 * terminal of the caller's, or as `openTakenTerminal` says; as long as a guard has it open, the kernel gives its number to
 * no other terminal. All other files are in a directory of root's, and all arguments are numbers or paths there.
 */
export async function guardTerminal(caller: Caller, terminalFd: number): Promise<GuardedTerminal | undefined> {
  const {uid, gid, mode, ...terminal} = fstatSync(terminalFd);
  makeRegistry();
  const record = recordPath(terminal);
  const recordFd = openSync(record, constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW, 0o600);
  let owner = [uid, gid, (mode & 0o777).toString(8)].map(String);
  let released = false;
  let guard: ChildProcess;

  const post = async (): Promise<boolean> => {
    guard = start('sh', ['-c', guardScript, 'sh', `${registry}/lock`, record, String(caller.uid), ...owner], {
      stdio: ['pipe', 'pipe', 'ignore', terminalFd, recordFd],
      detached: true,
    });
    guard.stdin!.on('error', () => {});
    const [taken] = (await Promise.race([once(guard.stdout as Readable, 'data'), once(guard, 'exit')])) as unknown[];
    guard.on('exit', () => {
      if (!released) void post();
    });
    return String(taken).trim() === 'taken';
  };
  const end = () => {
    closeSync(recordFd);
    closeSync(terminalFd);
  };

  if (!(await post())) {
    released = true;
    end();
    return undefined;
  }
  // What the first ghost on this terminal has found, if that was another one.
  owner = readFileSync(record, 'latin1').trim().split(' ');
  return {
    release: async () => {
      released = true;
      for (let attempt = 0; attempt < attempts && !(await dismiss(guard)); attempt++) await post();
      end();
    },
  };
}

/** Lets a guard give the terminal back. False if it was killed before it had. */
async function dismiss(guard: ChildProcess): Promise<boolean> {
  guard.stdin!.end();
  if (guard.exitCode === null && guard.signalCode === null) await once(guard, 'exit');
  return guard.exitCode === 0;
}

/**
 * `LOCK RECORD CALLER UID GID MODE`, with the terminal as 3 and the record as 4. Whose lock on the record is the only one
 * finds the terminal as it was and writes that down; where there are others, it must be this caller's by the record.
 */
const guardScript = [
  "trap '' HUP INT QUIT TERM TSTP TTIN TTOU",
  'exec 5>>"$1"',
  'flock --exclusive 5 || exit 1',
  'if flock --exclusive --nonblock 4',
  'then [ "$4" = "$3" ] || exit 1; echo "$4 $5 $6" >"$2"',
  'else read -r uid rest <"$2" && [ "$uid" = "$3" ] || exit 1',
  'fi',
  // A new lock takes the place of the one before; nobody else can come between, because all do this under the other lock.
  'flock --shared 4 && chown 0 /proc/self/fd/3 && chmod 600 /proc/self/fd/3 || exit 1',
  'exec 5>&-',
  'echo taken',
  'read -r _',
  'exec 5>>"$1"; flock --exclusive 5',
  // From shared to exclusive: where others have one too this fails, and the shared one is gone all the same (flock(2)).
  'flock --exclusive --nonblock 4 || exit 0',
  'read -r uid gid mode <"$2"',
  'chown "$uid:$gid" /proc/self/fd/3; chmod "$mode" /proc/self/fd/3',
  ': >"$2"',
].join('\n');

/** The same device number may mean different terminals, in containers. */
function recordPath({dev, rdev}: Pick<Stats, 'dev' | 'rdev'>): string {
  return `${registry}/terminal-${dev}-${rdev}`;
}

/** Safe as root: /run is root's, and what is there by this name is used only if it is root's own directory. */
function makeRegistry(): void {
  mkdirSync(registry, {recursive: true, mode: 0o700});
  const stat = lstatSync(registry);
  if (stat.isDirectory() && stat.uid === 0 && (stat.mode & 0o022) === 0) return;
  throw registryNotRoots(registry);
}
