import {constants, existsSync, openSync} from 'node:fs';
import {readOpenVaults, type RunningVault} from '../../kernel/open-vaults.ts';
import {lockedMarker} from '../../lifecycle/init-label.ts';
import type {OpenVault} from '../../lifecycle/message.ts';
import type {ProcessIdentity} from '../../kernel/process.ts';
import type {EnterPlan, SessionPlan} from '../../lifecycle/plan.ts';
import {justEnded, reservedForGhost} from '../failures.ts';
import {supervise} from './supervise.ts';
import type {Caller} from '../caller.ts';
import type {CliChannel} from '../cli-channel.ts';
import type {SessionGroups} from '../control-group.ts';
import {prepareJoin, type Session} from './session.ts';

/**
 * Starts a session in a private ghost of the caller's, and stays with it to its end. Nothing is crossed: the caller may
 * enter what is in a user namespace of its own, and this process has no other right.
 */
export async function enterPrivateGhost(
  caller: Caller,
  plan: EnterPlan,
  channel: CliChannel,
  onSession: () => void,
): Promise<number> {
  // In a namespace of its own already, it could not.
  if (process.getuid!() !== caller.sessionUid || caller.isolation !== 'private') {
    throw reservedForGhost();
  }
  const {pid, startTicks} = plan.init;
  const running = readOpenVaults().find(
    ({init, isolation, uid}) =>
      init.pid === pid && init.startTicks === startTicks && isolation === 'private' && uid === caller.uid,
  );
  if (running === undefined) throw justEnded();
  const joined = await joinSession(caller, plan.session, running, []);
  if (joined === undefined) throw justEnded();
  const {session, wasLocked} = joined;
  channel.say({say: 'open', session: openVaultOf(running)});
  await channel.claimTerminal();
  onSession();
  session.begin();
  return supervise({session, channel, wasLocked, onLingering: async () => {}});
}

/** A session in a ghost that is there; undefined if that one ends before the session is in it. */
export async function joinSession(
  caller: Caller,
  plan: SessionPlan,
  ghost: RunningVault,
  sessionGroups: SessionGroups,
): Promise<{readonly session: Session; readonly wasLocked: () => boolean} | undefined> {
  try {
    const wasLocked = watchForLock(ghost);
    const session = prepareJoin(caller, plan, ghost, sessionGroups);
    return (await session.joined) ? {session, wasLocked} : undefined;
  } catch (error) {
    // A process that ends loses its files one after the other.
    if (readOpenVaults().some(({init}) => sameProcess(init, ghost.init))) throw error;
    return undefined;
  }
}

function sameProcess(one: ProcessIdentity, other: ProcessIdentity): boolean {
  return one.pid === other.pid && one.startTicks === other.startTicks;
}

/** Whether a lock has left word in a running session; asked before it ends, it can still be answered afterwards. */
function watchForLock({init}: RunningVault): () => boolean {
  const sharedMemoryFd = openSync(`/proc/${init.pid}/root/dev/shm`, constants.O_RDONLY | constants.O_DIRECTORY);
  return () => existsSync(`/proc/self/fd/${sharedMemoryFd}/${lockedMarker}`);
}

/** Without what is known of its processes. */
export function openVaultOf({
  init: _init,
  supervisorPid: _supervisor,
  lostData: _lost,
  ...vault
}: RunningVault): OpenVault {
  return vault;
}
