import {type FoundContributions, type PluginIdentity, resolveInPackage} from './contributions.ts';

/** A file of a plugin's in the form of `config.yaml`. */
export type DefaultsFile = {readonly plugin: PluginIdentity; readonly path: string};

/**
 * The `defaults` of every plugin that brings them, mostly a pack; absolute paths. An earlier one comes before a later
 * one where both say something.
 */
export function defaultsFiles({plugins}: FoundContributions): DefaultsFile[] {
  return plugins.flatMap(({plugin, contributions: {defaults}}) =>
    defaults === undefined ? [] : [{plugin, path: resolveInPackage(plugin.root, defaults)}],
  );
}
