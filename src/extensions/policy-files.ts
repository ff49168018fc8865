import {readConfig, surroundingsHere, type Surroundings} from '../config/config.ts';
import {findProjectConfig, lookAt, userConfigPath} from '../config/discover.ts';
import {readText} from '../config/read-text.ts';
import {resolveInPackage} from './contributions.ts';
import {childrenOf, type InstalledPackage} from './installed-packages.ts';
import type {Policy} from './policy.ts';

/**
 * What the configuration says about which plugins may be used; see `policies` in `src/config/config.ts`. A pack that
 * says which ones are allowed means itself and what it brings, too.
 *
 * Throws a Failure (78) where the configuration is wrong: then nobody knows which may be used.
 */
export async function readPolicies(
  installed: readonly InstalledPackage[],
  surroundings: Surroundings = surroundingsHere(),
): Promise<readonly Policy[]> {
  const packs = installed.flatMap((plugin) => {
    const {defaults} = (plugin.pjson as {tazpod?: {defaults?: unknown}}).tazpod ?? {};
    if (typeof defaults !== 'string') return [];
    try {
      return [{plugin, path: resolveInPackage(plugin.root, defaults)}];
    } catch {
      // `findContributions` reports it.
      return [];
    }
  });
  const {environment, home, uid, workingFolder} = surroundings;
  const own = [findProjectConfig(workingFolder, uid), lookAt(userConfigPath(environment, home), uid)];
  const paths = [...own.flatMap((file) => (file.state === 'found' ? [file.path] : [])), ...packs.map(({path}) => path)];
  // What reads them costs more than the rest of a start, and few files say anything about plugins.
  if (!paths.some((path) => readText(path)?.includes('allow'))) return [];

  const {configuration, faults} = await readConfig({...surroundings, packs});
  if (faults[0] !== undefined) throw faults[0];
  return configuration.policies.map(({origin, source, allow}) => {
    const pack = packs.find(({plugin}) => origin.from === 'pack' && plugin.name === origin.plugin)?.plugin;
    const implied = pack === undefined ? [] : [pack.name, ...childrenOf(pack.pjson)].map((name) => ({name}));
    return {source, allow: [...implied, ...allow]};
  });
}
