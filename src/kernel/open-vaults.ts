import {existsSync} from 'node:fs';
import {parseInitLabel} from '../lifecycle/init-label.ts';
import {lossMarker, lossTitle} from '../lifecycle/loss-mark.ts';
import type {OpenVault} from '../lifecycle/message.ts';
import {kernelRoots, type KernelRoots} from './kernel-file.ts';
import {mountsAt, readMounts} from './mountinfo.ts';
import {readCommandLine, readProcessStat, readProcessStatus} from './process-record.ts';
import {allPids, identifyProcess, type ProcessIdentity} from './process.ts';

/** A ghost that is there now: the label of its init, and the init itself. */
export type RunningVault = OpenVault & {
  readonly init: ProcessIdentity;
  readonly supervisorPid: number;
  /** Whether its ghost says that the image did not take something that was written. */
  readonly lostData: boolean;
};

/**
 * The vaults that are open on this machine, found by the init processes of their PID namespaces, which live exactly as
 * long as the ghosts do. No file is asked, so none can be stale.
 *
 * A label is believed as far as the process's owner: a sealed ghost's init is root's, a private one's is the user's
 * own. And the vault must be mounted where the label says, in the init's own mount namespace.
 */
export function readOpenVaults(roots: KernelRoots = kernelRoots): RunningVault[] {
  return allPids(roots).flatMap((pid) => {
    const argv = readCommandLine(pid, roots)?.map((word) => word.toString('utf8'));
    const vault = argv && parseInitLabel(argv);
    if (vault === undefined || !ownedAsLabelled(pid, vault, roots)) return [];
    if (mountsAt(readMounts(pid, roots), vault.mountPoint).length === 0) return [];
    const init = identifyProcess(pid, roots);
    const supervisorPid = readProcessStat(pid, roots)?.ppid;
    return init === undefined || supervisorPid === undefined
      ? []
      : [{...vault, init, supervisorPid, lostData: saysLoss(supervisorPid, vault, roots)}];
  });
}

/**
 * The vaults that a user has opened at this path and that are open still, although another file, or none, is at the
 * path now. `imageId` is the file's that is there. A ghost in a container has another file system under the same
 * names; its init is deeper in PID namespaces than one that was started beside this process.
 */
export function displacedVaults(image: string, imageId: string | undefined, uid: number): RunningVault[] {
  const depth = readProcessStatus(process.pid)?.nsPids.length ?? 1;
  return readOpenVaults()
    .filter((open) => open.image === image && open.imageId !== imageId && open.uid === uid)
    .filter(({init}) => init.pid === 1 || readProcessStatus(init.pid)?.nsPids.length === depth + 1);
}

/** The ghost is the parent of the supervisor, where it can be seen. Its title is believed as far as the label is. */
function saysLoss(supervisorPid: number, vault: OpenVault, roots: KernelRoots): boolean {
  if (supervisorPid === 0) return existsSync(lossMarker);
  const ghost = readProcessStat(supervisorPid, roots)?.ppid;
  if (ghost === undefined || readCommandLine(ghost, roots)?.[0]?.toString('utf8') !== lossTitle) return false;
  return readProcessStatus(ghost, roots)?.uid.real === (vault.isolation === 'sealed' ? 0 : vault.uid);
}

/** `unshare` waits beside the init under the same arguments' end, but only the init is PID 1 of a namespace. */
function ownedAsLabelled(pid: number, vault: OpenVault, roots: KernelRoots): boolean {
  const status = readProcessStatus(pid, roots);
  if (status === undefined || status.nsPids.at(-1) !== 1) return false;
  return status.uid.real === (vault.isolation === 'sealed' ? 0 : vault.uid);
}
