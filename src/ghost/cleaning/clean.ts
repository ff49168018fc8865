import {closeSync, openSync, readFileSync} from 'node:fs';
import {basename, dirname} from 'node:path';
import {onTheWay} from '../../foundation/open-beneath.ts';
import {pollUntil} from '../../foundation/poll.ts';
import {bareMount} from '../../engines/bare-mount.ts';
import {readMapping, readMappings} from '../../kernel/device-mapper.ts';
import type {SeenMount} from '../../kernel/file-system-users.ts';
import {readLoopDevices} from '../../kernel/loop.ts';
import {mountsAt, readMounts} from '../../kernel/mountinfo.ts';
import {readNamespace} from '../../kernel/process-record.ts';
import {isAlive, membersOfPidNamespace, type ProcessIdentity, signalProcess} from '../../kernel/process.ts';
import {run} from '../../kernel/program.ts';
import type {CleanAction, CleanOutcome} from '../../lifecycle/cleaning.ts';
import {maximumWaitMs} from '../../lifecycle/cleaning.ts';
import {exitCode} from '../../foundation/exit-code.ts';
import type {CleanPlan, ObservePlan} from '../../lifecycle/plan.ts';
import type {Caller} from '../caller.ts';
import {openImageForLock, openNamed} from '../plan/check-plan.ts';
import type {CliChannel} from '../cli-channel.ts';
import {markLocked} from '../lock.ts';
import {type Belongings, describeBelongings, observe} from './observe.ts';

/** Programs that wait for a device may never end. */
const patienceMs = 10_000;
/** How long what was seen of the processes may be believed, when many of them get a signal one after the other. */
const freshMs = 500;

/** Tells the caller what there is of the caller's own image. Safe as root: it only looks. */
export async function observeVault(caller: Caller, plan: ObservePlan, channel: CliChannel): Promise<void> {
  const imageFd = openImageForLock(caller, plan.image);
  try {
    channel.say({say: 'observed', vault: describeBelongings(plan.image, await observe(caller, imageFd))});
  } finally {
    closeSync(imageFd);
  }
}

/**
 * Does what a strategy has planned, one action after the other, as long as somebody waits for it, and tells what became
 * of each. What an action names is looked for again right before it among what there is of the image, and is left alone
 * where it is not found there.
 *
 * Safe as root: the image must be the caller's own. A loop device counts as its only by the image's inode, a mapping
 * only where it lies on such loop devices and on nothing else, a mount by the device that is mounted; no header, name or
 * path is believed. A process gets a signal only if it is the init of the caller's own ghost (as for `lock`) or belongs
 * to the caller. So a plan that names anything else, and a strategy that was written to, does nothing.
 */
export async function cleanVault(caller: Caller, plan: CleanPlan, channel: CliChannel): Promise<void> {
  const imageFd = openImageForLock(caller, plan.image);
  const signalled: ProcessIdentity[] = [];
  let waitMs = maximumWaitMs;
  let seen: {readonly own: Belongings; readonly atMs: number} | undefined;
  const look = async (action: CleanAction): Promise<Belongings> => {
    const isFresh = seen !== undefined && action.do === 'signal' && performance.now() - seen.atMs < freshMs;
    if (!isFresh) seen = {own: await observe(caller, imageFd), atMs: performance.now()};
    return seen!.own;
  };
  try {
    for (const [index, action] of plan.actions.entries()) {
      if (channel.gone.aborted) return;
      const startedMs = performance.now();
      const outcome =
        action.do === 'wait'
          ? await untilEnded(signalled, Math.min(action.ms, waitMs))
          : await perform(caller, action, await look(action), signalled);
      if (action.do === 'wait') waitMs = Math.max(0, waitMs - (performance.now() - startedMs));
      channel.say({say: 'acted', index, ...outcome});
    }
  } finally {
    closeSync(imageFd);
  }
}

const done: CleanOutcome = {outcome: 'done'};
const nothing: CleanOutcome = {outcome: 'nothing'};

function refused(why: string): CleanOutcome {
  return {outcome: 'refused', why};
}

async function perform(
  caller: Caller,
  action: Exclude<CleanAction, {do: 'wait'}>,
  own: Belongings,
  signalled: ProcessIdentity[],
): Promise<CleanOutcome> {
  switch (action.do) {
    case 'signal':
      return signal(caller, action, own, signalled);
    case 'sync':
      return onMount(action, own, async (_mount, folder, name) =>
        outcomeOf(await run('sync', ['--file-system', `./${name}`], {cwd: folder, timeoutMs: patienceMs})),
      );
    case 'unmount':
      return onMount(action, own, async (_mount, folder, name) => {
        const args = [...bareMount, ...(action.lazy ? ['--lazy'] : []), `./${name}`];
        return outcomeOf(await run('umount', args, {cwd: folder, timeoutMs: patienceMs}));
      });
    case 'close-mapping': {
      if (!own.mappings.some(({name}) => name === action.name)) return missingMapping(action.name);
      const args = ['remove', '--noudevsync', ...(action.deferred ? ['--deferred'] : []), action.name];
      return outcomeOf(await run('dmsetup', args, {timeoutMs: patienceMs}));
    }
    case 'force-remove-mapping': {
      const mapping = own.mappings.find(({name}) => name === action.name);
      if (mapping === undefined) return missingMapping(action.name);
      // Its key and its hold on the image go at once; the empty mapping goes with the last process that has it open.
      const wipe = ['wipe_table', '--force', '--noflush', '--nolockfs', '--noudevsync', action.name];
      const wiped = outcomeOf(await run('dmsetup', wipe, {timeoutMs: patienceMs}));
      if (wiped.outcome === 'failed' || readMapping(mapping.device)?.name !== action.name) return wiped;
      const args = ['remove', '--noudevsync', '--deferred', action.name];
      return outcomeOf(await run('dmsetup', args, {timeoutMs: patienceMs}));
    }
    case 'detach-loop': {
      if (own.loops.some(({name}) => name === action.name)) {
        return outcomeOf(await run('losetup', ['--detach', `/dev/${action.name}`], {timeoutMs: patienceMs}));
      }
      const isThere = readLoopDevices().some(({name}) => name === action.name);
      return isThere ? refused('it is not on this image') : nothing;
    }
  }
}

function signal(
  caller: Caller,
  {holder, signal: name}: Extract<CleanAction, {do: 'signal'}>,
  own: Belongings,
  signalled: ProcessIdentity[],
): CleanOutcome {
  const isIt = (each: ProcessIdentity) => each.pid === holder.pid && each.startTicks === holder.startTicks;
  const ghost = own.ghosts.find(({init}) => isIt(init));
  const user = own.holders.find(isIt);
  if (ghost === undefined && user === undefined) {
    return isAlive(holder) ? refused('the process does not use this vault') : nothing;
  }
  if (ghost === undefined && user!.uid !== caller.sessionUid && caller.sessionUid !== 0) {
    return refused('the process belongs to another user');
  }
  const session = own.ghosts.find(({init}) => membersOfPidNamespace(init.pid).some(isIt));
  if (session !== undefined) markLocked(session);
  signalled.push(ghost?.init ?? user!);
  return signalProcess(ghost?.init ?? user!, name) ? done : nothing;
}

/**
 * Does something to a mount of this vault in the namespace that this process shares with its caller. Mounts in other
 * namespaces end with the processes there: no program of the machine is run among files that somebody else has mounted.
 *
 * Safe as root: the directory that the mount point lies in is opened step by step and through no link; the name in it must
 * lead to this very mount, by the kernel's number, and cannot be renamed while it is a mount point here.
 */
async function onMount(
  {mountPoint}: {readonly mountPoint: string},
  own: Belongings,
  act: (mount: SeenMount, folder: string, name: string) => Promise<CleanOutcome>,
): Promise<CleanOutcome> {
  const namespace = readNamespace('self', 'mnt');
  const mount = own.mounts.findLast((each) => each.mountPoint === mountPoint && each.namespace === namespace);
  if (mount === undefined) {
    if (own.mounts.some((each) => each.mountPoint === mountPoint)) {
      return refused('it is mounted in another namespace, and ends with the processes there');
    }
    return mountsAt(readMounts('self'), mountPoint).length > 0 ? refused('it does not belong to this image') : nothing;
  }
  const folderFd = openNamed(dirname(mountPoint), 'mount point', onTheWay, exitCode.noInput);
  const folder = `/proc/${process.pid}/fd/${folderFd}`;
  try {
    const name = basename(mountPoint);
    if (mountIdOf(`${folder}/${name}`) !== mount.id) return refused('something else is mounted over it');
    return await act(mount, folder, name);
  } finally {
    closeSync(folderFd);
  }
}

/** The kernel's number of the mount that a path leads to; no link is followed, and no file system is asked. */
function mountIdOf(path: string): number | undefined {
  const fd = openSync(path, onTheWay);
  try {
    const [, id] = /^mnt_id:\s*(\d+)$/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8')) ?? [];
    return id === undefined ? undefined : Number(id);
  } finally {
    closeSync(fd);
  }
}

async function untilEnded(processes: readonly ProcessIdentity[], ms: number): Promise<CleanOutcome> {
  const ended = await pollUntil(() => !processes.some((each) => isAlive(each)), ms);
  return ended ? done : {outcome: 'failed', why: 'some processes have not ended'};
}

function missingMapping(name: string): CleanOutcome {
  return readMappings().some((mapping) => mapping.name === name) ? refused('it is not on this image') : nothing;
}

function outcomeOf({code, stderr}: {readonly code: number | null; readonly stderr: Buffer}): CleanOutcome {
  if (code === 0) return done;
  const said = stderr.toString('latin1').trim().split('\n')[0] ?? '';
  const busy = /busy|in use/i.test(said);
  return {
    outcome: 'failed',
    why: busy ? 'something uses it' : code === null ? 'it took too long' : 'the kernel refuses',
  };
}
