import {mkdtempSync, readFileSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {root} from '../../scripts/setup.js';
import {type PackageFiles, writePackage} from '../bed/registry.ts';
import type {PluginIdentity} from '../../src/extensions/contributions.ts';

/** A plugin of the test's own. */
export type MadePlugin = PluginIdentity & {readonly pjson: PluginJson};

type PluginJson = {
  readonly name: string;
  readonly version: string;
  readonly oclif: object;
  readonly tazpod?: unknown;
};

/** What is special about a plugin's package.json. */
export type PluginOptions = {
  readonly name: string;
  readonly version?: string;
  readonly tazpod?: unknown;
  readonly oclif?: object;
  readonly more?: object;
};

/** The package.json of a plugin. */
function pluginJson({name, version = '1.0.0', tazpod, oclif = {}, more = {}}: PluginOptions): PluginJson {
  return {name, version, type: 'module', oclif, ...(tazpod === undefined ? {} : {tazpod}), ...more} as PluginJson;
}

/** The files of a plugin. */
export function pluginFiles(options: PluginOptions, files: Readonly<Record<string, string>> = {}): PackageFiles {
  return {'package.json': pluginJson(options), ...files};
}

/** Writes a plugin into a directory of its own, and tells it as it would be found. */
export function makePlugin(options: PluginOptions, files: Readonly<Record<string, string>> = {}): MadePlugin {
  const root = makeFolder();
  writePackage(root, pluginFiles(options, files));
  const pjson = pluginJson(options);
  return {name: pjson.name, version: pjson.version, root, type: 'user', pjson};
}

const folders: string[] = [];

/** A directory that is removed by `removeFolders`. */
export function makeFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'tazpod-plugin-'));
  folders.push(folder);
  return folder;
}

/** For `after`. */
export function removeFolders(): void {
  for (const folder of folders.splice(0)) rmSync(folder, {recursive: true, force: true});
}

/** The version of the core, which is that of its plugins. */
export const {version: coreVersion} = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {version: string};
