import {isAbsolute, join} from 'node:path';
import type {Interfaces} from '@oclif/core';
import type {Configuration} from '../config/config.ts';
import {findOwnHome, userDataFolder} from '../config/own-home.ts';
import type {Shell} from '../contract/index.ts';
import {findContributions, type PluginIdentity} from '../extensions/contributions.ts';
import {loadModule} from '../extensions/load.ts';
import {type ShadowingAlias, shadowingAliases} from './aliases.ts';
import {askPlugin, isOneLine} from './ask-plugin.ts';
import {shellEnvironment} from './environment.ts';
import {type Edit, withBlock, withoutBlock} from './marked-block.ts';
import {dropEqualCopies, keepCopy, readIfThere, removeFile, replaceFile, targetOf} from './replace-file.ts';
import {renderShell} from './snippet.ts';

/** The `result` of `shell install --json` and `shell uninstall --json`. */
export type ShellInstallResult = {
  readonly shell: string;
  /** The start-up file, links resolved. */
  readonly file: string;
  /** The file with the code, which the start-up file reads. */
  readonly snippet: string;
  /** Whether the start-up file was changed. */
  readonly changed: boolean;
  /** A copy of the start-up file as it was, where it was odd. */
  readonly backup?: string;
  /** What is odd about it. */
  readonly odd?: string;
  /** Aliases that take the place of latched commands; absent after `uninstall`. */
  readonly aliases?: readonly ShadowingAlias[];
};

/** Writes the code for a shell into a file of its own, and one marked block that reads it into the start-up file. */
export async function installShell(
  name: string,
  config: Interfaces.Config,
  latches: Configuration['latches'],
): Promise<ShellInstallResult> {
  const {plugin, shell, snippet, latched} = await renderShell(name, config, latches);
  const place = placeOf(name, plugin, shell);
  const earlier = readRecord(name);
  // The start-up file has moved (ZDOTDIR, XDG_CONFIG_HOME): the block is in one of them.
  if (earlier !== undefined && earlier.file !== place.file) edit(name, earlier, takenOutOf(earlier));
  // The code first: a block that reads nothing is never there.
  writeOwn(place.snippet, snippet);
  writeOwn(recordPath(name), JSON.stringify(place));
  const result = edit(name, place, (content) => withBlock(content, place.line));
  return {...result, aliases: shadowingAliases(name, latched)};
}

/**
 * Takes the block and the code away: the start-up file is as it was before. The plugin may be gone already; what was
 * installed is known without it. Throws a Failure (69) where neither is there.
 */
export async function uninstallShell(name: string, config: Interfaces.Config): Promise<ShellInstallResult> {
  const place = readRecord(name) ?? (await placeOfInstalled(name, config));
  const result = edit(name, place, takenOutOf(place));
  removeFile(place.snippet);
  removeFile(recordPath(name));
  return result;
}

function takenOutOf({line}: Place): (content: string | undefined) => Edit {
  return (content) => (content === undefined ? {content} : withoutBlock(content, line));
}

async function placeOfInstalled(name: string, config: Interfaces.Config): Promise<Place> {
  const {plugin, module: shell} = await loadModule(await findContributions(config), 'shells', name);
  return placeOf(name, plugin, shell);
}

type Place = {readonly file: string; readonly snippet: string; readonly line: string};

function placeOf(name: string, plugin: PluginIdentity, shell: Shell): Place {
  const snippet = join(userDataFolder(), 'shell', `tazpod.${name}`);
  const surroundings = {home: findOwnHome().home, environment: shellEnvironment()};
  const file = askPlugin(plugin, 'startUpFile', () => shell.startUpFile(surroundings), isAbsolute);
  const line = askPlugin(plugin, 'renderSourceLine', () => shell.renderSourceLine(snippet), isOneLine);
  return {file: targetOf(file), snippet, line: Buffer.from(line, 'utf8').toString('latin1')};
}

/** What was installed where, for the day on which the plugin is gone. */
function recordPath(name: string): string {
  return join(userDataFolder(), 'shell', `installed.${name}.json`);
}

function readRecord(name: string): Place | undefined {
  const record = readIfThere(recordPath(name));
  if (record === undefined) return undefined;
  try {
    const {file, snippet, line} = JSON.parse(Buffer.from(record, 'latin1').toString('utf8')) as Partial<Place>;
    return file === undefined || snippet === undefined || line === undefined ? undefined : {file, snippet, line};
  } catch {
    return undefined;
  }
}

function writeOwn(path: string, content: string): void {
  const bytes = Buffer.from(content, 'utf8').toString('latin1');
  if (readIfThere(path) !== bytes) replaceFile(path, bytes, 0o600);
}

function edit(name: string, {file, snippet}: Place, change: (content: string | undefined) => Edit): ShellInstallResult {
  const before = readIfThere(file);
  const {content, odd} = change(before);
  const changed = content !== before;
  const backup = changed && odd !== undefined ? keepCopy(file) : undefined;
  if (changed && content === undefined) removeFile(file);
  else if (changed && content !== undefined) {
    replaceFile(file, content);
    dropEqualCopies(file, content);
  }
  return {
    ...{shell: name, file, snippet, changed},
    ...(backup === undefined || odd === undefined ? {} : {backup, odd}),
  };
}
