import {lstatSync, realpathSync} from 'node:fs';
import {dirname, join} from 'node:path';
import {refuseBridges} from '../lifecycle/bridge-rules.ts';
import {exitCode} from '../lifecycle/exit-code.ts';
import {Failure} from '../lifecycle/failure.ts';
import type {BridgePlan, KeySource} from '../lifecycle/plan.ts';
import {ghostEntry} from './ghost-call.ts';

/** A bridge, and who asks for it. */
export type DeclaredBridge = BridgePlan & {
  /** For sentences: `the plugin tazpod-gemini`, `/home/dev/project/.tazpod/config.yaml:3:5`. */
  readonly source: string;
  /** Brought by a plugin, and not by the user's own word. */
  readonly contributed?: boolean;
};

/** The bridges of a plan, and what the user should know. */
export type CollectedBridges = {readonly bridges: readonly BridgePlan[]; readonly remarks: readonly string[]};

/**
 * Puts together who asks for which bridge. The same one twice is one. What cannot be, a nested one or one over the
 * mount point, is a Failure (78) that names who asked. A plugin's bridge whose place in the home is a symbolic link of
 * the user's is left out with a remark, because no link is followed; the user's own is a Failure then.
 */
export function collectBridges(
  declared: readonly DeclaredBridge[],
  {home, mountPoint, image, key}: {home: string; mountPoint: string; image: string; key: KeySource},
): CollectedBridges {
  const remarks: string[] = [];
  const wanted: DeclaredBridge[] = [];
  for (const bridge of declared) {
    if (wanted.some((other) => other.home === bridge.home && other.vault === bridge.vault)) continue;
    wanted.push(bridge);
  }
  const ownFiles = [process.execPath, ghostEntry].map((path) => realpathSync(path));
  const kept = [image, ...(key.from === 'file' ? [key.path] : []), ...ownFiles];
  const refusal = refuseBridges(wanted, {home, mountPoint, kept});
  if (refusal !== undefined) {
    const {bridge, why, other} = refusal as {bridge: DeclaredBridge; why: string; other?: DeclaredBridge};
    throw refused(bridge, `${why}${other === undefined ? '' : `: that of ${other.source}`}`);
  }
  const bridges = wanted.filter((bridge) => {
    const link = linkOnTheWay(home, bridge.home);
    if (link === undefined) return true;
    const why = `${link} is a symbolic link, and none is followed`;
    if (bridge.contributed !== true) throw refused(bridge, why);
    remarks.push(`~/${bridge.home} is not bridged, as ${bridge.source} would have it: ${why}.`);
    return false;
  });
  return {bridges: bridges.map(({home: inHome, vault}) => ({home: inHome, vault})), remarks};
}

/** The first component of a path below the home that is a symbolic link. */
function linkOnTheWay(home: string, path: string): string | undefined {
  const above = dirname(path) === '.' ? undefined : linkOnTheWay(home, dirname(path));
  const own = join(home, path);
  return above ?? (isLink(own) ? own : undefined);
}

function isLink(path: string): boolean {
  try {
    return lstatSync(path).isSymbolicLink();
  } catch {
    // Nothing is there, or a file is on the way, which the ghost has a sentence for.
    return false;
  }
}

function refused({home, vault, source}: DeclaredBridge, why: string): Failure {
  const shown = `${JSON.stringify(home)} in the home, ${JSON.stringify(vault)} in the vault`;
  return new Failure(exitCode.config, `There can be no bridge of ${shown}: ${source} asks for it.`, {
    why: `${why[0]!.toUpperCase()}${why.slice(1)}.`,
    next: 'tazpod config --explain',
  });
}
