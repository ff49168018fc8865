import type {Failure} from '../foundation/failure.ts';
import type {FoundContributions, PluginContributions} from './contributions.ts';
import {noPluginProvides} from './failures.ts';
import {type ModuleKind} from './kinds.ts';

/** The plugins of TazPod's own project that bring a name other than their own. */
const known: Readonly<Partial<Record<ModuleKind, Readonly<Record<string, string>>>>> = {
  cleanupStrategies: {smart: 'tazpod-smart-cleanup'},
};

/** A Failure (69) for a name that no installed plugin brings: it says which plugin is meant and how to get it. */
export function missingPlugin(kind: ModuleKind, name: string, found?: FoundContributions): Failure {
  const short = /^[a-z0-9][a-z0-9-]*$/.test(name);
  const plugin = known[kind]?.[name] ?? `tazpod-${name}`;
  const there = [...new Set((found?.plugins ?? []).flatMap((each) => namesOf(each, kind)))].sort();
  return noPluginProvides(kind, name, there, short ? plugin : undefined);
}

function namesOf({contributions}: PluginContributions, kind: ModuleKind): string[] {
  return Object.keys(contributions[kind] ?? {});
}
