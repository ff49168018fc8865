import {readFileSync} from 'node:fs';
import {join} from 'node:path';
import {type Interfaces, Plugin} from '@oclif/core';
import {printable} from '../foundation/printable.ts';
import type {InstalledPackage} from './installed-packages.ts';
import {plainTexts} from './plugin-text.ts';

/** What is the core's and nobody else's: ids and aliases of commands, and names of topics. */
export type CoreNames = {readonly commands: ReadonlySet<string>; readonly topics: ReadonlySet<string>};

/**
 * An installed package as oclif's Plugin, made so that none of its code runs before one of its own commands does:
 *
 * - commands are known from oclif.manifest.json only; without one, oclif would import every command to ask it
 * - hooks run with the plugin's own commands only; oclif would run them in the process of every command
 * - an id, an alias or a topic of the core's is not its to take, nor an id below a core command's, which would take
 *   the command's first argument for a part of the id
 *
 * - texts for help are made fit for a terminal, and are no templates: those would be code, see `plainTexts`
 *
 * What is left out for one of these reasons is named in `problems`, hooks excepted.
 */
export async function instantiate(
  installed: InstalledPackage,
  core: CoreNames,
  words: readonly string[],
): Promise<{plugin: Plugin; problems: string[]}> {
  const problems: string[] = [];
  const plugin = new Plugin({name: installed.name, root: installed.root, type: 'link'});
  const manifest = readManifest(installed);
  if (typeof manifest === 'string') problems.push(`The commands of ${installed.name} are ignored: ${manifest}.`);
  const commands = typeof manifest === 'string' ? {} : manifest.commands;
  // As type `link`, oclif takes the root as it is given, instead of looking for it in ways that can be led elsewhere.
  Object.defineProperty(plugin, '_manifest', {value: async () => ({version: installed.version, commands})});
  await plugin.load();
  plugin.type = installed.type;
  if (installed.tag !== undefined) plugin.tag = installed.tag;

  const taken = (id: string) =>
    core.commands.has(id) || core.topics.has(id) || [...core.commands].some((command) => id.startsWith(`${command}:`));
  const refused = plugin.commands.filter(({id}) => taken(id)).map(({id}) => id);
  plugin.commands = plugin.commands
    .filter(({id}) => !taken(id))
    .map(({permutations: _, aliasPermutations: __, ...command}) => {
      refused.push(...[...command.aliases, ...command.hiddenAliases].filter(taken));
      const free = (aliases: string[]) => aliases.filter((alias) => !taken(alias));
      return {
        ...command,
        pluginType: installed.type,
        aliases: free(command.aliases),
        hiddenAliases: free(command.hiddenAliases),
      };
    });
  plugin.commandIDs = plugin.commands.map(({id}) => id);
  if (refused.length > 0) {
    const ids = refused.map((id) => printable(id.replaceAll(':', ' '))).join(', ');
    problems.push(`The plugin ${installed.name} cannot replace a command of TazPod: ${ids}.`);
  }
  const topics = Object.entries(installed.pjson.oclif.topics ?? {}).filter(([name]) => !core.topics.has(name));
  plugin.pjson = {...plugin.pjson, oclif: {...plugin.pjson.oclif, topics: plainTexts(Object.fromEntries(topics))}};
  if (!isOwnCommand(plugin, words)) plugin.hooks = {};
  return {plugin, problems};
}

/** True where the words of a command line, with spaces or with colons, begin with an id or alias of the plugin's. */
function isOwnCommand({commands}: Plugin, words: readonly string[]): boolean {
  const own = new Set(commands.flatMap(({id, aliases, hiddenAliases}) => [id, ...aliases, ...hiddenAliases]));
  return words.some((_, index) => own.has(words.slice(0, index + 1).join(':')));
}

function readManifest({root, version, pjson}: InstalledPackage): Interfaces.Manifest | string {
  if (pjson.oclif.commands === undefined) return {version, commands: {}};
  let manifest: {commands?: Record<string, Partial<Interfaces.Manifest['commands'][string]>>} | null;
  try {
    manifest = JSON.parse(readFileSync(join(root, 'oclif.manifest.json'), 'utf8')) as typeof manifest;
  } catch {
    return 'it has no oclif.manifest.json, which its author creates with "oclif manifest"';
  }
  if (typeof manifest?.commands !== 'object') return 'its oclif.manifest.json is invalid';
  const commands = Object.entries(manifest.commands).map(([id, command]) => [
    plainTexts(id),
    plainTexts({...command, id, aliases: command.aliases ?? [], hiddenAliases: command.hiddenAliases ?? []}),
  ]);
  return {version, commands: Object.fromEntries(commands) as Interfaces.Manifest['commands']};
}
