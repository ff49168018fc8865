import {existsSync, realpathSync} from 'node:fs';
import {delimiter, dirname, join} from 'node:path';
import type {Interfaces} from '@oclif/core';
import type {Configuration} from '../config/config.ts';
import type {Shell} from '../contract/index.ts';
import {findContributions, type PluginIdentity} from '../extensions/contributions.ts';
import {loadModule} from '../extensions/load.ts';
import {packageFile} from '../lifecycle/own-files.ts';
import {askPlugin} from './ask-plugin.ts';
import {shellEnvironment} from './environment.ts';
import {collectLatches} from './latches.ts';
import {typedCommands} from './typed-commands.ts';

/** Where a pull puts the environment, relative to the vault's root: see `src/secrets/environment/environment-files.ts`. */
const environmentFolder = '.tazpod/environment';

/** A shell that a plugin brings, and the code for it. */
export type RenderedShell = {
  readonly plugin: PluginIdentity;
  readonly shell: Shell;
  readonly snippet: string;
  /** The commands that have a latch. */
  readonly latched: readonly string[];
};

/** Renders the code for a shell. Throws a Failure (69) that names the plugin where it is missing or fails. */
export async function renderShell(
  name: string,
  config: Interfaces.Config,
  latches: Configuration['latches'],
): Promise<RenderedShell> {
  const found = await findContributions(config);
  const {plugin, module: shell} = await loadModule(found, 'shells', name);
  const input = {
    tazpod: tazpodWords(shellEnvironment()['PATH'] ?? ''),
    latches: collectLatches(found, latches),
    environmentFolder,
    commands: typedCommands(config.commands),
  };
  const snippet = askPlugin(plugin, 'renderSnippet', () => shell.renderSnippet(input));
  return {plugin, shell, snippet, latched: input.latches.map(({command}) => command)};
}

const entry = packageFile('bin/run.js');

/** How this very TazPod is started: by its name in PATH where that leads here, or by Node and the file's path. */
function tazpodWords(path: string): readonly string[] {
  const candidates = path.split(delimiter).filter((folder) => folder.startsWith('/'));
  const named = candidates.map((folder) => join(folder, 'tazpod')).find((each) => existsSync(each));
  const own = realpathSync(entry);
  // A package with a Node of its own puts a shell script before the entry.
  const starters = [own, join(dirname(own), 'tazpod')];
  return named !== undefined && starters.includes(realpathSync(named)) ? [named] : [process.execPath, own];
}
