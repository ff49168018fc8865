import {homedir} from 'node:os';
import {join} from 'node:path';
import type {Interfaces} from '@oclif/core';
import type {Configuration} from '../config/config.ts';
import type {Shell} from '../contract/index.ts';
import {findContributions} from '../extensions/contributions.ts';
import {loadModule} from '../extensions/load.ts';
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
};

/** Writes the code for a shell into a file of its own, and one marked block that reads it into the start-up file. */
export async function installShell(
  name: string,
  config: Interfaces.Config,
  latches: Configuration['latches'],
): Promise<ShellInstallResult> {
  const {shell, snippet} = await renderShell(name, config, latches);
  const place = placeOf(name, shell, config);
  // The code first: a block that reads nothing is never there.
  writeOwn(place.snippet, snippet);
  writeOwn(recordPath(name, config), JSON.stringify(place));
  return edit(name, place, (content) => withBlock(content, place.line));
}

/**
 * Takes the block and the code away: the start-up file is as it was before. The plugin may be gone already; what was
 * installed is known without it. Throws a Failure (69) where neither is there.
 */
export async function uninstallShell(name: string, config: Interfaces.Config): Promise<ShellInstallResult> {
  const place = readRecord(name, config) ?? placeOf(name, await loadShell(name, config), config);
  const result = edit(name, place, (content) =>
    content === undefined ? {content: undefined} : withoutBlock(content, place.line),
  );
  removeFile(place.snippet);
  removeFile(recordPath(name, config));
  return result;
}

async function loadShell(name: string, config: Interfaces.Config): Promise<Shell> {
  return (await loadModule(await findContributions(config), 'shells', name)).module;
}

type Place = {readonly file: string; readonly snippet: string; readonly line: string};

function placeOf(name: string, shell: Shell, {dataDir}: Interfaces.Config): Place {
  const snippet = join(dataDir, 'shell', `tazpod.${name}`);
  const file = targetOf(shell.startUpFile({home: homedir(), environment: shellEnvironment()}));
  const line = Buffer.from(shell.renderSourceLine(snippet), 'utf8').toString('latin1');
  return {file, snippet, line};
}

/** What was installed where, for the day on which the plugin is gone. */
function recordPath(name: string, {dataDir}: Interfaces.Config): string {
  return join(dataDir, 'shell', `installed.${name}.json`);
}

function readRecord(name: string, config: Interfaces.Config): Place | undefined {
  const record = readIfThere(recordPath(name, config));
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
