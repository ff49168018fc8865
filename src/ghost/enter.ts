import {readlinkSync} from 'node:fs';
import {allPids} from '../kernel/process.ts';
import {run} from '../kernel/program.ts';
import type {Failure} from '../foundation/failure.ts';
import type {PrivateIds} from './caller.ts';
import {noMountNamespace, noMounts, noUserNamespaceForUser, notByHand, reservedForGhost} from './failures.ts';

/** What `bin/tazpod-ghost` puts behind the plan's path once it has entered a mount namespace of its own. */
const entered = '--in-own-namespace';

/** What the CLI puts there where nothing is opened and there is no privilege to be had. */
const fromOutside = '--from-outside';

/** What the CLI puts there where what is asked for is in its own namespace: mounts that somebody has made by hand. */
const inCallersNamespace = '--in-callers-namespace';

export type Arguments = {
  readonly planPath: string;
  /** Where the process says that it is; absent: the kernel has refused it a mount namespace of its own. */
  readonly place?: 'own-namespace' | 'outside' | 'callers-namespace';
  /** The user outside, where the namespace is the user's own. */
  readonly privateIds?: PrivateIds;
};

const places = {
  [entered]: 'own-namespace',
  [fromOutside]: 'outside',
  [inCallersNamespace]: 'callers-namespace',
} as const;

/** Reads the arguments of the privileged entry: `PLAN`, and what the entry adds, or the CLI. */
export function parseArguments(argv: readonly string[]): Arguments {
  const [planPath, flag, ids, ...rest] = argv;
  const privateIds = /^(\d{1,10}):(\d{1,10})$/.exec(ids ?? '');
  if (
    planPath === undefined ||
    !planPath.startsWith('/') ||
    rest.length > 0 ||
    (flag !== undefined && !Object.hasOwn(places, flag)) ||
    (ids !== undefined && (privateIds === null || flag !== entered))
  ) {
    throw notByHand();
  }
  return {
    planPath,
    ...(flag === undefined ? {} : {place: places[flag as keyof typeof places]}),
    ...(privateIds === null ? {} : {privateIds: {uid: Number(privateIds[1]), gid: Number(privateIds[2])}}),
  };
}

/**
 * Why `bin/tazpod-ghost` could not give this process a mount namespace of its own: what it tried is tried again.
 *
 * Safe as root: `unshare` gets a constant argument list, and what it makes ends with it.
 */
export async function whyNoNamespace(): Promise<Failure> {
  if (process.getuid!() !== 0) return noUserNamespaceForUser();
  const {stderr} = await run('unshare', ['--mount', '--propagation', 'private', 'true']);
  return refusedAsRoot(stderr.toString());
}

/** unshare(1) says in which of its two calls it failed: the namespace itself, or the mount that makes it private. */
function refusedAsRoot(said: string): Failure {
  return said.includes('propagation') ? noMounts() : noMountNamespace();
}

/**
 * Refuses to go on in a mount namespace that anybody else lives in. The argument alone proves nothing, since a caller
 * can type it; the kernel's names of the namespaces do.
 */
export function confirmOwnNamespace(): void {
  const own = readlinkSync('/proc/self/ns/mnt');
  const others = allPids().filter((pid) => pid !== process.pid);
  if (others.some((pid) => namespaceOf(`/proc/${pid}/ns/mnt`) === own)) {
    throw reservedForGhost();
  }
}

function namespaceOf(link: string): string | undefined {
  try {
    return readlinkSync(link);
  } catch {
    // Another user's process, seen from inside the user's own namespace: not one that we share anything with.
    return undefined;
  }
}
