import {printable} from '../foundation/printable.ts';

/** What one place of the configuration says about plugins: those in the list, and no others. */
export type Policy = {
  /** Where it stands, for messages. */
  readonly source: string;
  readonly allow: readonly AllowedPlugin[];
};

export type AllowedPlugin = {
  /** Name of the npm package. */
  readonly name: string;
  /** A semver range; absent: every version. */
  readonly version?: string | undefined;
  /** A subresource integrity, as npm writes it into its lock: `sha512-…`; absent: any. */
  readonly integrity?: string | undefined;
};

/** A package that is to be installed, linked or loaded. */
export type Candidate = {
  readonly name: string;
  readonly version: string;
  /** Absent for a linked folder, which has none. */
  readonly integrity?: string | undefined;
};

/**
 * Why a plugin may not be used; undefined where it may. Every policy must allow it: a project can narrow what the user
 * allows, and cannot widen it.
 */
export async function refusalOf(policies: readonly Policy[], plugin: Candidate): Promise<string | undefined> {
  for (const {source, allow} of policies) {
    const why = await refusalBy(allow, plugin);
    if (why !== undefined) return `${why} (plugins.allow of ${printable(source, 4096)})`;
  }
  return undefined;
}

async function refusalBy(
  allow: readonly AllowedPlugin[],
  {name, version, integrity}: Candidate,
): Promise<string | undefined> {
  const entries = allow.filter((entry) => entry.name === name);
  if (entries.length === 0) return 'it is not in the list of allowed plugins';
  const {satisfies} = (await import('semver')).default;
  const inRange = entries.filter((entry) => entry.version === undefined || satisfies(version, entry.version));
  if (inRange.length === 0) {
    const ranges = entries.map((entry) => printable(entry.version!)).join(', ');
    return `version ${printable(version)} is not allowed; allowed: ${ranges}`;
  }
  if (inRange.some((entry) => entry.integrity === undefined || entry.integrity === integrity)) return undefined;
  return integrity === undefined
    ? 'it has no integrity to compare with the allowed one'
    : `its integrity ${printable(integrity, 120)} is not the allowed one`;
}
