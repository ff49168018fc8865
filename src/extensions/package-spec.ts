import {statSync, type Stats} from 'node:fs';
import {resolve} from 'node:path';
import {cannotBeRead, doesNotExist, invalidPackageName, isDirectory} from './failures.ts';

/** What a user has named to be installed. */
export type PackageSpec =
  /** From the registry; `names` in the order in which they are looked for. */
  | {readonly from: 'registry'; readonly names: readonly string[]; readonly tag: string}
  /** An archive or a repository, as npm understands it. */
  | {readonly from: 'address'; readonly address: string};

const registryName =
  /^(?<name>(?:@[a-z0-9~-][a-z0-9._~-]*\/)?[a-z0-9~][a-z0-9._~-]*)(?:@(?<tag>(?!-)[\w.^~<>=*|+ -]+))?$/;

/**
 * Reads `infisical`, `tazpod-infisical@^1`, `@team/tazpod-pack`, `./tazpod-x-1.0.0.tgz`, `https://…`, `git+ssh://…`.
 * Throws a Failure (64).
 */
export function parsePackageSpec(text: string, workingFolder: string): PackageSpec {
  if (/^(\.{0,2}\/|~\/|file:)/.test(text) || /\.(tgz|tar\.gz)$/.test(text)) {
    if (/^https?:/.test(text)) return {from: 'address', address: text};
    const path = resolve(workingFolder, text.replace(/^file:/, ''));
    const stat = statOf(path);
    if (stat?.isDirectory()) {
      throw isDirectory(path);
    }
    if (stat === undefined) throw doesNotExist(path);
    return {from: 'address', address: path};
  }
  if (/^(https?|git(\+\w+)?|ssh):/.test(text)) return {from: 'address', address: text};
  const {name, tag = 'latest'} = registryName.exec(text)?.groups ?? {};
  if (name === undefined) {
    throw invalidPackageName(text);
  }
  return {from: 'registry', names: possibleNames(name), tag};
}

/** Throws a Failure (66) where the user cannot reach it. */
function statOf(path: string): Stats | undefined {
  try {
    return statSync(path, {throwIfNoEntry: false});
  } catch (error) {
    throw cannotBeRead(path, error);
  }
}

/** The names of packages that a user may mean by one: `infisical` is `tazpod-infisical`, or itself. */
export function possibleNames(name: string): string[] {
  return name.startsWith('@') || name.startsWith('tazpod-') ? [name] : [`tazpod-${name}`, name];
}
