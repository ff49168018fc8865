import {existsSync} from 'node:fs';
import {joinedName, parseInitLabel} from '../lifecycle/init-label.ts';
import {lossMarker, lossTitle} from '../lifecycle/loss-mark.ts';
import type {OpenVault} from '../lifecycle/message.ts';
import {kernelRoots, type KernelRoots} from './kernel-file.ts';
import {mountsAt, readMounts} from './mountinfo.ts';
import {readCommandLine, readProcessStat, readProcessStatus} from './process-record.ts';
import {allPids, childrenOf, identifyProcess, type ProcessIdentity} from './process.ts';

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
    if (!isMountedFor(pid, vault, roots)) return [];
    const init = identifyProcess(pid, roots);
    const supervisorPid = readProcessStat(pid, roots)?.ppid;
    return init === undefined || supervisorPid === undefined
      ? []
      : [{...vault, init, supervisorPid, lostData: saysLoss(supervisorPid, vault, roots)}];
  });
}

function isMountedFor(pid: number, {mountPoint}: OpenVault, roots: KernelRoots): boolean {
  try {
    return mountsAt(readMounts(pid, roots), mountPoint).length > 0;
  } catch (error) {
    // It has ended since its label was read.
    if (['ENOENT', 'ESRCH', 'EINVAL'].includes((error as NodeJS.ErrnoException).code ?? '')) return false;
    throw error;
  }
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

/**
 * How many shells or commands run in a vault: the one that opened it, while it is there, and each that has joined.
 *
 * The user of a sealed session may not ask which namespaces its processes are in. But the first process that the init
 * starts is the session's, so its number in there is 2; and beside each shell that has joined, an nsenter(1) waits outside, or, seen
 * from inside, its name tells.
 */
export function countShells({init, isolation, uid}: RunningVault, roots: KernelRoots = kernelRoots): number {
  const depth = readProcessStatus(init.pid, roots)?.nsPids.length;
  const first = childrenOf(init.pid, roots).filter(({pid}) => readProcessStatus(pid, roots)?.nsPids.at(-1) === 2);
  const joined = allPids(roots).filter((pid) => {
    const argv = readCommandLine(pid, roots)?.map((word) => word.toString('utf8'));
    if (argv?.at(-1) !== joinedName) return false;
    const status = readProcessStatus(pid, roots);
    if (status?.uid.real !== (isolation === 'sealed' ? 0 : uid)) return false;
    if (init.pid === 1) return argv[0] === '/bin/sh';
    return argv[0] === 'nsenter' && argv.includes(`--target=${init.pid}`) && status.nsPids.length !== depth;
  });
  return first.length + joined.length;
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
