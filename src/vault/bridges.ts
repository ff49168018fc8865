import {lstatSync, realpathSync} from 'node:fs';
import {dirname, join} from 'node:path';
import {findWriter} from '../kernel/writers.ts';
import {type BridgeSurroundings, refuseBridges} from '../lifecycle/bridge-rules.ts';
import type {BridgePlan, KeySource} from '../lifecycle/plan.ts';
import {bridgeIgnored, bridgeNotAllowed} from './failures.ts';
import {ghostEntry} from './start-ghost.ts';

/** A bridge, and who asks for it. */
export type DeclaredBridge = BridgePlan & {
  /** For sentences: `the plugin tazpod-gemini`, `/home/dev/project/.tazpod/config.yaml:3:5`. */
  readonly source: string;
  /** Brought by a plugin, and not by the user's own word. */
  readonly contributed: boolean;
};

/** The bridges of a plan, and what the user should know. */
export type CollectedBridges = {readonly bridges: readonly BridgePlan[]; readonly remarks: readonly string[]};

/**
 * Puts together who asks for which bridge. The same one twice is one. What cannot be, a nested one, one over the mount
 * point or through a symbolic link, is a Failure (78) where the user asks for it; a plugin's is left out with a
 * warning, so that no plugin keeps anybody out of the vault. One that a program writes to is left out as well: what
 * lies there is moved into the vault the next time.
 */
export function collectBridges(
  declared: readonly DeclaredBridge[],
  {home, mountPoint, image, key}: {home: string; mountPoint: string; image: string; key: KeySource},
): CollectedBridges {
  const ownFiles = [process.execPath, ghostEntry].map((path) => realpathSync(path));
  const kept = [image, ...(key.from === 'file' ? [key.path] : []), ...ownFiles];
  const accepted: DeclaredBridge[] = [];
  const remarks: string[] = [];
  // The user's own come first: of two that cannot be both, they are the ones that are.
  const ordered = [...declared.filter((each) => !each.contributed), ...declared.filter((each) => each.contributed)];
  for (const bridge of ordered) {
    if (accepted.some((other) => other.home === bridge.home && other.vault === bridge.vault)) continue;
    const why = refusalOf([...accepted, bridge], {home, mountPoint, kept}) ?? linkSentence(home, bridge);
    if (why === undefined) accepted.push(bridge);
    else if (bridge.contributed) remarks.push(bridgeIgnored(bridge, why));
    else throw bridgeNotAllowed(bridge, why);
  }
  const bridges = accepted.filter((bridge) => {
    const writer = findWriter(join(home, bridge.home));
    if (writer === undefined) return true;
    // Moved away from under it, the file would take what is written from then on along into nothing.
    const what = `process ${writer.pid} has ${JSON.stringify(writer.path)} in it open for writing`;
    remarks.push(
      `~/${bridge.home} is not bridged, and its files stay outside the vault: ${what}. End that process first.`,
    );
    return false;
  });
  return {bridges: bridges.map(({home: inHome, vault}) => ({home: inHome, vault})), remarks};
}

function refusalOf(bridges: readonly DeclaredBridge[], surroundings: BridgeSurroundings): string | undefined {
  const refusal = refuseBridges(bridges, surroundings);
  if (refusal?.other === undefined) return refusal?.why;
  return `${refusal.why}, that of ${(refusal.other as DeclaredBridge).source}`;
}

function linkSentence(home: string, bridge: DeclaredBridge): string | undefined {
  const link = linkOnTheWay(home, bridge.home);
  return link === undefined ? undefined : `${link} is a symbolic link, which TazPod does not follow`;
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
