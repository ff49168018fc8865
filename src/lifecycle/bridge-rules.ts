import {isWithin} from '../foundation/path-within.ts';
import type {BridgePlan} from './plan.ts';

/** What decides whether bridges can be. All paths are absolute and have no symbolic link in them. */
export type BridgeSurroundings = {
  readonly home: string;
  readonly mountPoint: string;
  /** What must stay where it is: the image, a key file, TazPod itself. */
  readonly kept: readonly string[];
};

export type RefusedBridge = {
  readonly bridge: BridgePlan;
  /** A clause: "its place in the vault is TazPod's own". */
  readonly why: string;
  /** The one before it that it cannot be beside. */
  readonly other?: BridgePlan;
};

/** Names in the root of a vault that are not for bridges: TazPod's own, and e2fsck's. */
const reservedInVault = ['.tazpod', 'lost+found'];

/** Folders of the home that TazPod itself reads; above them no bridge can begin. */
const reservedInHome = ['.config/tazpod', '.local/share/tazpod', '.local/state/tazpod', '.cache/tazpod'];

const maximumPathBytes = 1024;

/**
 * The first bridge that cannot be, and why; undefined where all can. Both sides of the privilege line ask: the CLI to
 * name the setting that is wrong, the ghost because it believes no plan.
 */
export function refuseBridges(
  bridges: readonly BridgePlan[],
  {home, mountPoint, kept}: BridgeSurroundings,
): RefusedBridge | undefined {
  const below = (path: string) => (home === '/' ? `/${path}` : `${home}/${path}`);
  for (const [index, bridge] of bridges.entries()) {
    const why =
      refuseShape(bridge.home, 'its path in the home directory') ??
      refuseShape(bridge.vault, 'its path in the vault') ??
      refuseReserved(bridge) ??
      refuseSurroundings(below(bridge.home), mountPoint, kept);
    if (why !== undefined) return {bridge, why};
    for (const other of bridges.slice(0, index)) {
      const conflict = refuseNeighbour(bridge, other);
      if (conflict !== undefined) return {bridge, why: conflict, other};
    }
  }
  return undefined;
}

function refuseShape(path: string, what: string): string | undefined {
  if (path === '') return `${what} is empty`;
  if (path.startsWith('/')) return `${what} is not a relative path`;
  if (Buffer.byteLength(path) > maximumPathBytes) return `${what} is longer than ${maximumPathBytes} bytes`;
  if (path.includes('\0')) return `${what} has a zero byte in it`;
  const names = path.split('/');
  if (names.some((name) => ['', '.', '..'].includes(name))) {
    return `${what} has an empty name, \`.\` or \`..\` in it`;
  }
  return names.some((name) => Buffer.byteLength(name) > 255) ? `${what} has a name that is too long` : undefined;
}

function refuseReserved({home, vault}: BridgePlan): string | undefined {
  if (reservedInVault.some((reserved) => isWithin(vault, reserved))) {
    return `\`${reservedInVault.join('` and `')}\` in the vault are not for bridges`;
  }
  const own = reservedInHome.find((reserved) => isWithin(reserved, home) || isWithin(home, reserved));
  return own === undefined ? undefined : `TazPod itself needs ~/${own} while the vault is closed`;
}

function refuseSurroundings(path: string, mountPoint: string, kept: readonly string[]): string | undefined {
  if (isWithin(mountPoint, path) || isWithin(path, mountPoint)) {
    return `the mount point ${path === mountPoint ? 'is the same directory' : 'overlaps it'}`;
  }
  return kept.some((each) => isWithin(each, path))
    ? 'the image, the key file or TazPod itself is in that directory'
    : undefined;
}

function refuseNeighbour(bridge: BridgePlan, other: BridgePlan): string | undefined {
  for (const end of ['home', 'vault'] as const) {
    if (bridge[end] === other[end]) return `another bridge has the same path in the ${end}`;
    if (isWithin(other[end], bridge[end]) || isWithin(bridge[end], other[end])) {
      return `in the ${end} it overlaps another bridge`;
    }
  }
  return undefined;
}
