import type {Import} from './imports.ts';

/** Files and directories of one directory that import each other in a circle. */
export type Circle = {
  readonly directory: string;
  readonly members: readonly string[];
  readonly imports: readonly Import[];
};

type Arrow = {readonly directory: string; readonly from: string; readonly to: string; readonly through: Import};

/**
 * What keeps a tree of sources from being drawn in layers. An import is an arrow between two neighbours: the file or directory
 * of each end, in the deepest directory that has both. Where the arrows of each directory make no circle, all of them can
 * be drawn downwards.
 */
export function findCircles(imports: readonly Import[]): Circle[] {
  const byDirectory = Map.groupBy(imports.map(arrowOf), ({directory}) => directory);
  return [...byDirectory].flatMap(([directory, arrows]) =>
    ringsOf(arrows).map((members) => ({
      directory,
      members,
      imports: arrows
        .filter(({from, to}) => from !== to && members.includes(from) && members.includes(to))
        .map(({through}) => through),
    })),
  );
}

function arrowOf(through: Import): Arrow {
  const [one, other] = through.map((path) => path.split('/')) as [string[], string[]];
  const depth = one.findIndex((name, index) => name !== other[index]);
  return {directory: one.slice(0, depth).join('/'), from: one[depth]!, to: other[depth]!, through};
}

/** Each name with those that it reaches and that reach it, where there are such. */
function ringsOf(arrows: readonly Arrow[]): string[][] {
  const reached = new Map(arrows.map(({from}) => [from, reachedFrom(from, arrows)]));
  const rings = [...reached].map(([name, others]) =>
    [...others].filter((other) => reached.get(other)?.has(name)).sort(),
  );
  return [...new Map(rings.filter((ring) => ring.length > 0).map((ring) => [ring.join(), ring])).values()];
}

function reachedFrom(start: string, arrows: readonly Arrow[]): Set<string> {
  const found = new Set<string>();
  const ends = (name: string) => arrows.filter(({from}) => from === name).map(({to}) => to);
  for (const waiting = ends(start); waiting.length > 0;) {
    const name = waiting.pop()!;
    if (!found.has(name)) waiting.push(...ends(name));
    found.add(name);
  }
  return found;
}
