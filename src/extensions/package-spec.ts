import {statSync, type Stats} from 'node:fs';
import {resolve} from 'node:path';
import {printable} from '../config/printable.ts';
import {whyUnread} from '../config/read-text.ts';
import {exitCode} from '../lifecycle/exit-code.ts';
import {Failure} from '../lifecycle/failure.ts';

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
      throw new Failure(exitCode.usage, `${printable(path, 4096)} is a directory.`, {
        next: `tazpod plugins link ${printable(path, 4096)}`,
      });
    }
    if (stat === undefined) throw new Failure(exitCode.noInput, `${printable(path, 4096)} does not exist.`);
    return {from: 'address', address: path};
  }
  if (/^(https?|git(\+\w+)?|ssh):/.test(text)) return {from: 'address', address: text};
  const {name, tag = 'latest'} = registryName.exec(text)?.groups ?? {};
  if (name === undefined) {
    throw new Failure(exitCode.usage, `${JSON.stringify(printable(text))} is not a valid package name.`, {
      next: 'use a name such as infisical, tazpod-infisical@^1.0.0, @team/tazpod-pack or ./tazpod-x-1.0.0.tgz',
    });
  }
  return {from: 'registry', names: possibleNames(name), tag};
}

/** Throws a Failure (66) where the user cannot reach it. */
function statOf(path: string): Stats | undefined {
  try {
    return statSync(path, {throwIfNoEntry: false});
  } catch (error) {
    throw new Failure(exitCode.noInput, `${printable(path, 4096)} cannot be read.`, {why: whyUnread(error)});
  }
}

/** The names of packages that a user may mean by one: `infisical` is `tazpod-infisical`, or itself. */
export function possibleNames(name: string): string[] {
  return name.startsWith('@') || name.startsWith('tazpod-') ? [name] : [`tazpod-${name}`, name];
}
