import {readFileSync} from 'node:fs';
import {run} from '../kernel/program.ts';
import type {Isolation} from '../lifecycle/plan.ts';
import {reservedForGhost, unknownUser} from './failures.ts';

/** Whose vault it is: told by the kernel and by sudo, never by the plan. */
export type Caller = {
  /** The user's ids as this process sees them; inside the user's own namespace that is 0. */
  readonly uid: number;
  readonly gid: number;
  /** The ids that the session runs with. */
  readonly sessionUid: number;
  readonly sessionGid: number;
  /** Supplementary groups of the session; none where the kernel does not let them be set. */
  readonly groups: readonly number[];
  /** The home of the login name database; absent where nothing is crossed and the plan's home is as good. */
  readonly home?: string;
  readonly isolation: Isolation;
};

/** How the entry names the user to itself when it re-enters in the user's own namespace. */
export type PrivateIds = {readonly uid: number; readonly gid: number};

/**
 * Who called. Through sudo it is the user that sudo names: the variables are sudo's own, a caller cannot set them.
 * Root that calls directly is its own user. Without root it is the user's own namespace, which the kernel confirms.
 */
export async function identifyCaller(privateIds: PrivateIds | undefined): Promise<Caller> {
  if (privateIds !== undefined) return privateCaller(privateIds);
  const uid = numberOf(process.env['SUDO_UID']) ?? 0;
  const account = await accountOf(uid);
  if (account === undefined) {
    throw unknownUser(uid);
  }
  return {
    uid,
    gid: account.gid,
    sessionUid: uid,
    sessionGid: account.gid,
    groups: await groupsOf(account.name),
    // Root that calls directly crosses no line: HOME may be wherever it says.
    ...(process.env['SUDO_UID'] === undefined ? {} : {home: account.home}),
    isolation: 'sealed',
  };
}

/**
 * Does `action` with the effective ids of the caller: the kernel then refuses what the caller could not do itself, so
 * that no path of the plan can lead root astray. Synchronous only, and before other threads work: the ids are those
 * of the whole process.
 */
export function asCaller<T>(caller: Caller, action: () => T): T {
  if (caller.uid === process.getuid!()) return action();
  const ownGroups = process.getgroups!();
  process.setgroups!([...caller.groups]);
  process.setegid!(caller.gid);
  process.seteuid!(caller.uid);
  try {
    return action();
  } finally {
    process.seteuid!(0);
    process.setegid!(0);
    process.setgroups!(ownGroups);
  }
}

/**
 * The user's own namespace has exactly the map that the entry gave it: one id, 0 inside, the user's outside. Real root
 * has another map, so that nobody is taken for a private caller by an argument alone.
 */
function privateCaller(ids: PrivateIds): Caller {
  const map = readFileSync('/proc/self/uid_map', 'utf8').trim().split(/\s+/).map(Number);
  const confirmed = map.length === 3 && map[0] === 0 && map[1] === ids.uid && map[2] === 1;
  if (!confirmed || process.env['SUDO_UID'] !== undefined) {
    throw reservedForGhost();
  }
  return {
    uid: 0,
    gid: 0,
    sessionUid: ids.uid,
    sessionGid: ids.gid,
    groups: [],
    isolation: 'private',
  };
}

/**
 * A user who takes no privilege at all. Root, and a user who came through sudo, is refused: for them there is a line to
 * be crossed, and it is crossed in a namespace of its own.
 */
export function identifyPlainUser(): Caller {
  const [uid, gid] = [process.getuid!(), process.getgid!()];
  if (uid === 0 || process.env['SUDO_UID'] !== undefined) {
    throw reservedForGhost();
  }
  return {uid, gid, sessionUid: uid, sessionGid: gid, groups: [], isolation: 'private'};
}

async function accountOf(uid: number): Promise<{name: string; gid: number; home: string} | undefined> {
  const result = await run('getent', ['passwd', String(uid)]);
  const fields = result.stdout.toString('utf8').trim().split(':');
  const gid = numberOf(fields[3]);
  if (result.code !== 0 || gid === undefined || !fields[0] || !fields[5]?.startsWith('/')) return undefined;
  return {name: fields[0], gid, home: fields[5]};
}

async function groupsOf(name: string): Promise<number[]> {
  const result = await run('id', ['-G', '--', name]);
  return result.stdout.toString('utf8').trim().split(/\s+/).map(Number).filter(Number.isSafeInteger);
}

function numberOf(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,10}$/.test(text) ? Number(text) : undefined;
}
