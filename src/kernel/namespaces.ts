import {kernelRoots, readKernelFile, readKernelNumber, readKernelText, type KernelRoots} from './kernel-file.ts';
import {readNamespace} from './process-record.ts';
import {findProgram, run} from './program.ts';

/** A line of /proc/PID/uid_map or gid_map: `count` ids from `inside` on are those from `outside` on. */
export type IdRange = {readonly inside: number; readonly outside: number; readonly count: number};

export type IdKind = 'uid' | 'gid';

/** See user_namespaces(7). Malformed lines are left out. */
export function parseIdMap(table: string): IdRange[] {
  return table.split('\n').flatMap((line) => {
    const [, inside, outside, count] = /^\s*(\d+)\s+(\d+)\s+(\d+)\s*$/.exec(line) ?? [];
    if (inside === undefined || outside === undefined || count === undefined) return [];
    return {inside: Number(inside), outside: Number(outside), count: Number(count)};
  });
}

/** The ids that exist in the user namespace of a process; none when it has no map yet. */
export function readIdMap(kind: IdKind, pid: number | 'self' = 'self', roots: KernelRoots = kernelRoots): IdRange[] {
  return parseIdMap(readKernelText(`${roots.proc}/${pid}/${kind}_map`) ?? '');
}

/**
 * What to write into the uid_map or gid_map of a child's new user namespace so that every id keeps its number.
 *
 * `own` is the writer's own map. A child can have no id that its parent has not, so the new map repeats the inside
 * of each range: under rootless Docker or userns-remap that is less than everything. It must be written with one
 * write(2) (user_namespaces(7)); at most 340 lines.
 */
export function identityMap(own: readonly IdRange[]): string {
  return own.map(({inside, count}) => `${inside} ${inside} ${count}\n`).join('');
}

/** True when an id has a number in this map; files of one that has none belong to `nobody`. */
export function isMapped(map: readonly IdRange[], id: number): boolean {
  return map.some(({inside, count}) => id >= inside && id < inside + count);
}

/** The inode number that the kernel gives its first user namespace and no other (include/uapi/linux/nsfs.h). */
const initialUserNamespace = 0xefff_fffd;

/**
 * True when this process is in the initial user namespace, the only one whose root is the machine's root. The map
 * does not tell: a sealed session has the same. Undefined on a kernel without user namespaces.
 */
export function isInitialUserNamespace(roots: KernelRoots = kernelRoots): boolean | undefined {
  const own = readNamespace('self', 'user', roots);
  return own === undefined ? undefined : own === initialUserNamespace;
}

/** What may keep an unprivileged user from making a user namespace, as the sysctls say it. */
export type UserNamespaceSettings = {
  /** False where the kernel was built without CONFIG_USER_NS. */
  readonly supported: boolean;
  /** user.max_user_namespaces: 0 forbids them to everyone in this user namespace. */
  readonly max: number | undefined;
  /** kernel.unprivileged_userns_clone of Debian's and Arch's kernels: false forbids them to all but root. */
  readonly unprivilegedClone: boolean | undefined;
  /** kernel.apparmor_restrict_unprivileged_userns of Ubuntu 23.10 and newer: only programs with a profile may. */
  readonly appArmorRestricts: boolean | undefined;
};

export function readUserNamespaceSettings(roots: KernelRoots = kernelRoots): UserNamespaceSettings {
  const sysctl = (path: string): number | undefined => readKernelNumber(`${roots.proc}/sys/${path}`);
  const flag = (path: string): boolean | undefined => {
    const value = sysctl(path);
    return value === undefined ? undefined : value !== 0;
  };
  return {
    supported: readKernelFile(`${roots.proc}/self/uid_map`) !== undefined,
    max: sysctl('user/max_user_namespaces'),
    unprivilegedClone: flag('kernel/unprivileged_userns_clone'),
    appArmorRestricts: flag('kernel/apparmor_restrict_unprivileged_userns'),
  };
}

/** What stands in the way of an unprivileged user namespace; `unknown` is a seccomp filter or a rule of an LSM. */
export type UserNamespaceVerdict =
  | 'allowed'
  | 'unsupported'
  | 'max_user_namespaces'
  | 'unprivileged_userns_clone'
  | 'apparmor'
  | 'unknown'
  | 'no unshare(1)';

/**
 * Makes a user namespace with a mount namespace in it and ends it at once: the only sure answer, because AppArmor,
 * SELinux and seccomp have rules that no sysctl shows. The sysctls say why not.
 */
export async function probeUserNamespace(roots: KernelRoots = kernelRoots): Promise<UserNamespaceVerdict> {
  if (findProgram('unshare') === undefined) return 'no unshare(1)';
  // The mount shows what an AppArmor profile such as Ubuntu's `unprivileged_userns` leaves: a namespace without powers.
  const command = ['--user', '--map-root-user', '--mount', 'mount', '-t', 'tmpfs', 'none', '/proc'];
  const {code} = await run('unshare', command, {timeoutMs: 10_000});
  return code === 0 ? 'allowed' : explainRefusal(readUserNamespaceSettings(roots));
}

/** The most likely reason for a refusal. */
export function explainRefusal(settings: UserNamespaceSettings): Exclude<UserNamespaceVerdict, 'allowed'> {
  if (!settings.supported) return 'unsupported';
  if (settings.max === 0) return 'max_user_namespaces';
  if (settings.unprivilegedClone === false) return 'unprivileged_userns_clone';
  if (settings.appArmorRestricts === true) return 'apparmor';
  return 'unknown';
}
