import {type Configuration, formatOrigin} from '../config/config.ts';
import {findOwnHome} from '../config/own-home.ts';
import {isOfUse} from '../extensions/bridge-use.ts';
import type {FoundContributions} from '../extensions/contributions.ts';
import {shellEnvironment} from '../shell/environment.ts';
import type {DeclaredBridge} from '../vault/bridges.ts';

/** The directories of the home that are to live in the vault: the user's own word, and what plugins bring. */
export function declaredBridges({bridges}: Configuration, {plugins}: FoundContributions): DeclaredBridge[] {
  const ofPlugins = plugins.flatMap(({plugin, contributions}) =>
    (contributions.bridges ?? [])
      .filter((bridge) => isOfUse(bridge, shellEnvironment()['PATH'] ?? '', findOwnHome().home))
      .map(({home, vault}) => ({home, vault, source: `the plugin ${plugin.name}`, contributed: true})),
  );
  const configured = bridges.map(({home, vault, origin}) => ({
    ...{home, vault},
    source: formatOrigin(origin),
    contributed: origin.from === 'pack',
  }));
  return [...configured, ...ofPlugins];
}
