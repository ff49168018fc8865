import {mkdirSync, rmSync, writeFileSync} from 'node:fs';
import {dirname, join} from 'node:path';
import {invalidPluginName, pluginNotCreated} from './failures.ts';
import {backendTemplate} from './templates/backend.ts';
import {cleanupTemplate} from './templates/cleanup.ts';
import {latchTemplate} from './templates/latch.ts';
import {packTemplate} from './templates/pack.ts';
import {type NewPlugin, packageFiles, type PluginKind, type Template} from './templates/package-files.ts';
import {shellTemplate} from './templates/shell.ts';

const templates: Readonly<Record<PluginKind, (plugin: NewPlugin) => Template>> = {
  backend: backendTemplate,
  shell: shellTemplate,
  cleanup: cleanupTemplate,
  latch: latchTemplate,
  pack: packTemplate,
};

export type CreatedPlugin = {
  /** Of the npm package. */
  readonly name: string;
  /** Absolute. */
  readonly folder: string;
  /** Relative to the folder. */
  readonly files: readonly string[];
};

/**
 * Writes a new plugin into a folder of its own, named as the package without its scope. `name` is `store`,
 * `tazpod-store` or `@team/tazpod-store`. Nothing is overwritten. Throws a Failure.
 */
export function createPlugin(
  name: string,
  kind: PluginKind,
  {parent, coreVersion}: {readonly parent: string; readonly coreVersion: string},
): CreatedPlugin {
  const match = /^(?<scope>@[a-z0-9][a-z0-9-]*\/)?(tazpod-)?(?<shortName>[a-z][a-z0-9-]{0,60})$/.exec(name);
  const {scope = '', shortName} = match?.groups ?? {};
  if (shortName === undefined || shortName === 'tazpod') {
    throw invalidPluginName(name);
  }
  const packageName = `${scope}tazpod-${shortName}`;
  const folder = join(parent, `tazpod-${shortName}`);
  const plugin = {packageName, shortName, kind, coreVersion};
  const files = packageFiles(plugin, templates[kind](plugin));
  try {
    mkdirSync(folder);
  } catch (error) {
    throw pluginNotCreated(folder, error);
  }
  try {
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(dirname(join(folder, path)), {recursive: true});
      writeFileSync(join(folder, path), text, {flag: 'wx'});
    }
  } catch (error) {
    rmSync(folder, {recursive: true, force: true});
    throw error;
  }
  return {name: packageName, folder, files: Object.keys(files)};
}
