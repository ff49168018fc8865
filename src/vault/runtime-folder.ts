import {accessSync, constants, statfsSync, statSync} from 'node:fs';
import {isAbsolute} from 'node:path';

/** Where a command may put what it needs only while it runs: the plan, and the socket beside it. */
export type RuntimeFolders = {
  /** The directories that can be used, the best first. */
  readonly usable: readonly string[];
  /** The variables that name another one, and why it is not used. */
  readonly refused: readonly {readonly variable: string; readonly path: string; readonly why: string}[];
};

/** Where every Linux lets its users put temporary files. */
const everyonesFolders = ['/tmp', '/var/tmp', '/dev/shm'];

/** sockaddr_un of unix(7) has 108 bytes, and the last one is 0. */
const maximumSocketPath = 107;
/** `/tazpod-NAMESPACE.PID.TICKS-XXXXXX/socket`, each number in base 36. */
const longestName = 50;

/** FUSE_SUPER_MAGIC of linux/magic.h. */
const fuse = 0x65735546;

/**
 * Looks for the directory of a plan. A variable may be left over from another user (`su`, `sudo -E`), from a container
 * or from a session that has ended, so what it names is looked at before it is used.
 */
export function findRuntimeFolders(
  environment: NodeJS.ProcessEnv = process.env,
  uid = process.getuid!(),
): RuntimeFolders {
  const named = ['XDG_RUNTIME_DIR', 'TMPDIR'].flatMap((variable) => {
    const path = environment[variable];
    return path ? [{variable, path, why: refusalOf(path, uid)}] : [];
  });
  const refused = named.flatMap(({variable, path, why}) => (why === undefined ? [] : [{variable, path, why}]));
  const usable = [
    ...named.filter(({why}) => why === undefined).map(({path}) => path),
    ...everyonesFolders.filter((path) => refusalOf(path, uid) === undefined),
  ];
  // The kernel lets root into no FUSE mount of a user's. In some containers there is nothing else.
  return {usable: [...usable.filter((path) => !isFuse(path)), ...usable.filter(isFuse)], refused};
}

/** Why a directory cannot be used, as the end of a sentence. */
function refusalOf(path: string, uid: number): string | undefined {
  if (!isAbsolute(path)) return 'it is not an absolute path';
  if (Buffer.byteLength(path) + longestName > maximumSocketPath) return 'its path is too long for a socket';
  try {
    const stat = statSync(path);
    if (!stat.isDirectory()) return 'it is not a directory';
    // A user who may rename what lies there could put another socket in the place of ours.
    if (stat.uid !== uid && stat.uid !== 0) return 'it belongs to another user';
    if ((stat.mode & 0o022) !== 0 && (stat.mode & 0o1000) === 0) return 'other users can change its files';
    accessSync(path, constants.R_OK | constants.W_OK | constants.X_OK);
    return undefined;
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? 'an error';
    return reasons[code] ?? `the kernel returned ${code}`;
  }
}

const reasons: Readonly<Record<string, string>> = {
  ENOENT: 'it does not exist',
  EACCES: 'you do not have permission to write there',
  EROFS: 'it is read-only',
};

function isFuse(path: string): boolean {
  try {
    return statfsSync(path).type === fuse;
  } catch {
    return false;
  }
}
