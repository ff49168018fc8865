import {realpathSync, statSync} from 'node:fs';
import {join, sep} from 'node:path';
import type {Interfaces} from '@oclif/core';
import {printable} from '../foundation/printable.ts';
import type {Contributions} from '../contract/index.ts';
import {kindWords, type ModuleKind, moduleKinds} from './kinds.ts';

/** A plugin, as messages name it. */
export type PluginIdentity = {
  /** The name of the npm package. */
  readonly name: string;
  readonly version: string;
  /** The package's folder, absolute. */
  readonly root: string;
  /** `user` for an installed one, `link` for a folder that is linked, `core` for what the core brings. */
  readonly type: string;
  /** The pack that brings it, where one does. */
  readonly parent?: string;
};

export type PluginContributions = {readonly plugin: PluginIdentity; readonly contributions: Contributions};

/** What all installed plugins contribute. */
export type FoundContributions = {
  /** In the order in which the plugins were installed, a pack before what it brings. */
  readonly plugins: readonly PluginContributions[];
  /** A sentence for each thing that is wrong, which names plugin, key and value. What is wrong is not in `plugins`. */
  readonly problems: readonly string[];
};

/**
 * Reads the `tazpod` section of each plugin that oclif has loaded, without running any of their code. Never throws: a
 * plugin with a faulty section is left out and named in `problems`.
 */
export async function findContributions(config: Interfaces.Config): Promise<FoundContributions> {
  const plugins = config.getPluginsList();
  return contributionsOf(
    plugins.map(({name, version, root, type, pjson, parent}) => {
      return {name, version, root, type, pjson, ...(parent === undefined ? {} : {parent: parent.name})};
    }),
  );
}

/** As `findContributions`, of packages that oclif need not have loaded. */
export async function contributionsOf(
  packages: readonly (PluginIdentity & {readonly pjson: Interfaces.PJSON})[],
): Promise<FoundContributions> {
  const sections = packages.flatMap((plugin) => {
    const section: unknown = (plugin.pjson as {tazpod?: unknown}).tazpod;
    return section === undefined ? [] : [{plugin: identify(plugin), section}];
  });
  if (sections.length === 0) return {plugins: [], problems: []};
  // The schema's library is loaded only where there is something to check.
  const {checkSection} = await import('./section.ts');
  const plugins: PluginContributions[] = [];
  const problems: string[] = [];
  for (const {plugin, section} of sections) {
    const checked = checkSection(section);
    const faults = 'faults' in checked ? checked.faults : pathFaults(plugin.root, checked.contributions);
    problems.push(...faults.map((fault) => `The plugin ${plugin.name} is ignored: ${fault}`));
    if ('contributions' in checked && faults.length === 0) {
      plugins.push({plugin, contributions: checked.contributions});
    }
  }
  return {plugins, problems: [...problems, ...doubleClaims(plugins)]};
}

/**
 * The absolute path of a file of a package, every link resolved. Throws an Error whose message goes on after the file's
 * name where it is not there, no regular file, or outside the package.
 */
export function resolveInPackage(root: string, path: string): string {
  let file: string;
  try {
    file = realpathSync(join(root, path));
  } catch {
    throw new Error('does not exist.');
  }
  if (!file.startsWith(realpathSync(root) + sep)) throw new Error('points outside the package.');
  if (!statSync(file).isFile()) throw new Error('is not a file.');
  return file;
}

/** Who claims a name, the first one first. */
export function claimants(found: FoundContributions, kind: ModuleKind, name: string): PluginContributions[] {
  return found.plugins.filter(({contributions}) => Object.hasOwn(contributions[kind] ?? {}, name));
}

function identify({name, version, root, type, parent}: PluginIdentity): PluginIdentity {
  return {
    name: printable(name, 214),
    version: printable(version),
    root,
    type,
    ...(parent === undefined ? {} : {parent: printable(parent, 214)}),
  };
}

function pathFaults(root: string, contributions: Contributions): string[] {
  const paths = [
    ...moduleKinds.flatMap((kind) =>
      Object.entries(contributions[kind] ?? {}).map(([name, path]) => [`${kind}.${name}`, path] as const),
    ),
    ...(contributions.defaults === undefined ? [] : [['defaults', contributions.defaults] as const]),
  ];
  return paths.flatMap(([key, path]) => {
    try {
      resolveInPackage(root, path);
      return [];
    } catch (error) {
      return [`tazpod.${key} is ${JSON.stringify(path)}, which ${(error as Error).message}`];
    }
  });
}

/** A sentence for each name, and each directory of the home, that two plugins claim. */
function doubleClaims(plugins: readonly PluginContributions[]): string[] {
  const owners = new Map<string, {owner: string; end: string | undefined}>();
  const problems: string[] = [];
  const claim = (what: string, plugin: PluginIdentity, end?: string) => {
    const earlier = owners.get(what);
    if (earlier === undefined) owners.set(what, {owner: plugin.name, end});
    else if (end === undefined || end !== earlier.end) {
      problems.push(`${earlier.owner} and ${plugin.name} both provide ${what}. Next: ${howToChoose(plugin.name)}`);
    }
  };
  for (const {plugin, contributions} of plugins) {
    for (const kind of moduleKinds) {
      for (const name of Object.keys(contributions[kind] ?? {})) claim(`${kindWords[kind]} ${name}`, plugin);
    }
    for (const {home, vault} of contributions.bridges ?? []) claim(`the bridge of ~/${home}`, plugin, vault);
  }
  return problems;
}

/** How the user says which of two plugins is meant. */
export function howToChoose(name: string): string {
  return `remove one of them from plugins.allow in config.yaml, or run: tazpod plugins uninstall ${name}`;
}
