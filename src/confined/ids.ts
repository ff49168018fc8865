import {isInitialUserNamespace, isMapped, readIdMap} from '../kernel/namespaces.ts';

/** A user and group that nothing else on the machine has. */
export type OwnIds = {readonly uid: number; readonly gid: number};

/** What runs under ids of its own: a program that parses what somebody else wrote, or the server that has the key. */
export type ConfinedRole = 'parser' | 'server';

/**
 * Between the ids of homes and those of systemd's dynamic services, systemd leaves these to nobody
 * (https://systemd.io/UIDS-GIDS/), and no distribution gives one to an account.
 */
const firstId = 60_706;
const lastId = 61_183;

const roles: readonly ConfinedRole[] = ['parser', 'server'];

/**
 * The ids of a role. They are not the caller's, who could signal such a process, and not those of `nobody`, whom other
 * services share. There are 239 pairs, so two ghosts may get the same one. A parser of one still cannot reach a process of
 * the other: it lives in a PID namespace of its own, and a server never has the ids of a parser.
 *
 * Undefined without root, where the kernel knows one user only.
 */
export function ownIds(role: ConfinedRole): OwnIds | undefined {
  const pairs = Math.floor((lastId - firstId + 1) / roles.length);
  const id = firstId + (process.pid % pairs) * roles.length + roles.indexOf(role);
  const known = isMapped(readIdMap('uid'), id) && isMapped(readIdMap('gid'), id);
  return process.getuid!() === 0 && known ? {uid: id, gid: id} : undefined;
}

/** Whether root here is the machine's root, or that of a container without namespaces of users. */
export function isMachinesRoot(): boolean {
  return process.getuid!() === 0 && isInitialUserNamespace() !== false;
}
