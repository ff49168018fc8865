import {
  accessSync,
  closeSync,
  constants,
  mkdirSync,
  openSync,
  rmdirSync,
  statfsSync,
  statSync,
  writeSync,
} from 'node:fs';
import {isWithin} from '../foundation/path-within.ts';
import {quotedWord} from '../foundation/shell-word.ts';
import {readKernelText} from '../kernel/kernel-file.ts';
import {type Mount, readMounts, shownLevels} from '../kernel/mountinfo.ts';
import type {Caller} from './caller.ts';

/** The name of the control group that ghosts share; there is at most one below each group of root's. */
const ownName = 'tazpod';

/** linux/magic.h */
const magics = {cgroup: 0x27e0eb, cgroup2: 0x63677270} as const;

/** The files whose writers can move, freeze or kill the processes of a group. */
const levers = ['cgroup.procs', 'cgroup.threads', 'cgroup.freeze', 'cgroup.kill', 'tasks', 'freezer.state'];

/** Where this process is in one hierarchy, from the top that is mounted down to its own group. */
type Place = {readonly fsType: 'cgroup' | 'cgroup2'; readonly groups: readonly string[]};

/** Where a session belongs, in each hierarchy: the caller's own group first, then those above it that are the caller's. */
export type SessionGroups = readonly (readonly string[])[];

/** The move of this process out of control groups that belong to its caller. */
export type ControlGroupMove = {
  readonly sessionGroups: SessionGroups;
  /** Goes back, and removes what was made for the move if no other ghost is in it. */
  undo(): void;
};

/**
 * Moves this process, and with it all that it starts from now on, out of every control group that its caller may
 * change. Where systemd delegates a group to a user, the user may freeze, kill and move everything in it, root's
 * processes too: a ghost that is frozen at the wrong moment leaves a vault that nobody can lock.
 *
 * Which group it moves to: a child of the lowest group above that is root's alone. Every limit that root has set for
 * the caller from there up (of a user's slice, of a container) still holds; what is left behind is limits inside the
 * caller's own part, which hold for the session, and the session stays there. The ghost's use of memory is bounded by
 * its own checks, and it does no work that the caller could choose but serving the caller's own vault.
 *
 * Safe as root: the paths come from the kernel's own tables, lead through a file system that has no symbolic links and
 * is checked to be one of control groups, and the directory in which something is made is root's. In a hierarchy in
 * which nothing is the caller's, nothing is done. Throws nothing: `stuck` says where it could not move.
 */
export function leaveCallersGroups({isolation}: Caller, stuck: (why: string) => void): ControlGroupMove {
  const moves = isolation === 'sealed' ? readPlaces().flatMap((place) => leave(place, stuck) ?? []) : [];
  return {
    sessionGroups: moves.map(({sessionGroups}) => sessionGroups),
    undo: () => {
      for (const move of moves) move.undo();
    },
  };
}

/** Shell code that moves the shell, which is root's still, to where the session belongs, or ends it. */
export function intoSessionGroups(sessionGroups: SessionGroups): string {
  return sessionGroups
    .map((groups) => {
      const tries = groups.map((group) => `echo 0 >${quotedWord(`${group}/cgroup.procs`)}`);
      return `{ ${tries.join(' || ')}; } 2>/dev/null || exit 126; `;
    })
    .join('');
}

type Move = {readonly sessionGroups: readonly string[]; undo(): void};

function leave({fsType, groups}: Place, stuck: (why: string) => void): Move | undefined {
  const first = groups.findIndex((group) => !isRoots(group));
  if (first === -1) return undefined;
  const parent = groups[first - 1];
  if (parent === undefined) {
    stuck('no control group of root’s is visible here');
    return undefined;
  }
  // Version 1 lets processes be beside groups, and a new one would need settings of its own before it takes any.
  const target = fsType === 'cgroup' ? parent : `${parent}/${ownName}`;
  if (!enter(target, fsType === 'cgroup2')) {
    stuck('the control groups cannot be changed here');
    return undefined;
  }
  const sessionGroups = groups.slice(first).toReversed();
  return {
    sessionGroups,
    undo: () => {
      if (!sessionGroups.some((group) => enter(group, false)) || fsType === 'cgroup') return;
      try {
        rmdirSync(target);
      } catch {
        // Another ghost is in it.
      }
    },
  };
}

/** Another ghost may remove the group between the two lines. */
function enter(group: string, make: boolean): boolean {
  for (let tries = 0; tries < 10; tries++) {
    try {
      if (make) mkdirSync(group, {recursive: true, mode: 0o755});
      const fd = openSync(`${group}/cgroup.procs`, constants.O_WRONLY);
      try {
        writeSync(fd, '0');
        return true;
      } finally {
        closeSync(fd);
      }
    } catch {
      // Tried again.
    }
  }
  return false;
}

/** Whether nobody but root can change a group: what it is made of, what is in it, and what becomes of that. */
function isRoots(group: string): boolean {
  return [group, ...levers.map((lever) => `${group}/${lever}`)].every((path) => {
    const stat = statSync(path, {throwIfNoEntry: false});
    return stat === undefined || (stat.uid === 0 && (stat.mode & 0o022) === 0);
  });
}

function readPlaces(): Place[] {
  const mounts = readMounts('self');
  return (readKernelText('/proc/self/cgroup') ?? '').split('\n').flatMap((line) => {
    const [, controllers, path] = /^\d+:([^:]*):(\/.*)$/.exec(line) ?? [];
    if (controllers === undefined || path === undefined) return [];
    const fsType = controllers === '' ? 'cgroup2' : 'cgroup';
    const mount = mounts.findLast((each) => shows(each, fsType, controllers, path));
    return mount === undefined ? [] : [{fsType, groups: shownLevels(mount, path)}];
  });
}

function shows(
  {fsType, superOptions, root, mountPoint}: Mount,
  kind: Place['fsType'],
  controllers: string,
  path: string,
): boolean {
  if (fsType !== kind || !isWithin(path, root)) return false;
  // Outside of the control group namespace: not shown under any path.
  if (path.split('/').includes('..')) return false;
  if (kind === 'cgroup' && !controllers.split(',').every((each) => superOptions.includes(each))) return false;
  try {
    // Something else may be mounted over it.
    if (statfsSync(mountPoint).type !== magics[kind]) return false;
    accessSync(mountPoint, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}
