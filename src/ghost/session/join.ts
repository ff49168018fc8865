import {constants, existsSync, openSync} from 'node:fs';
import {readOpenVaults, type RunningVault} from '../../kernel/open-vaults.ts';
import {exitCode} from '../../lifecycle/exit-code.ts';
import {Failure} from '../../lifecycle/failure.ts';
import {lockedMarker} from '../../lifecycle/init-label.ts';
import type {OpenVault} from '../../lifecycle/message.ts';
import type {EnterPlan} from '../../lifecycle/plan.ts';
import {accompany} from './accompany.ts';
import type {Caller} from '../caller.ts';
import type {CliChannel} from '../cli-channel.ts';
import {prepareJoin} from './session.ts';

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
    throw new Failure(exitCode.noPermission, 'The ghost was called in a way that only the ghost itself may use.');
  }
  const {pid, startTicks} = plan.init;
  const running = readOpenVaults().find(
    ({init, isolation, uid}) =>
      init.pid === pid && init.startTicks === startTicks && isolation === 'private' && uid === caller.uid,
  );
  if (running === undefined) {
    throw new Failure(exitCode.busy, 'The ghost ended just before it could be joined.', {next: 'tazpod vault unlock'});
  }
  const wasLocked = watchForLock(running);
  const session = prepareJoin(caller, plan.session, running);
  await channel.claimTerminal();
  channel.say({say: 'open', session: openVaultOf(running)});
  onSession();
  session.begin();
  return accompany({session, channel, wasLocked, onLingering: async () => {}});
}

/** Whether a lock has left word in a running session; asked before it ends, it can still be answered afterwards. */
export function watchForLock({init}: RunningVault): () => boolean {
  const sharedMemoryFd = openSync(`/proc/${init.pid}/root/dev/shm`, constants.O_RDONLY | constants.O_DIRECTORY);
  return () => existsSync(`/proc/self/fd/${sharedMemoryFd}/${lockedMarker}`);
}

/** Without what is known of its processes. */
export function openVaultOf({init: _init, supervisorPid: _supervisor, ...vault}: RunningVault): OpenVault {
  return vault;
}
