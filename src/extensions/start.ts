import {Config, type Interfaces, type Plugin} from '@oclif/core';
import {userDataFolder} from '../config/own-home.ts';
import {printable} from '../foundation/printable.ts';
import {Failure} from '../foundation/failure.ts';
import {distrust, installedIntegrity, readInstalledPackages} from './installed-packages.ts';
import {type CoreNames, instantiate} from './plugin-instance.ts';
import {readPolicies} from './policy-files.ts';
import {refusalOf} from './policy.ts';

/** What is wrong with the plugins of this process; told by the commands of the core. */
const problems: string[] = [];

/** A sentence for each thing that was wrong when the plugins of this process were loaded. */
export function pluginProblems(): readonly string[] {
  return problems;
}

/**
 * The plugins of this process, as options for oclif: the core's own, and of the installed ones those that are allowed.
 * oclif would load them all itself, in ways that run their code. An installed plugin with a fault is left
 * out, and `pluginProblems` reports it: nothing that lies in the data folder can stop a command of the core.
 *
 * @param core where the core's package.json is; for a Config without user plugins
 * @param words the command line
 */
export async function pluginOptions(core: Interfaces.Options, words: readonly string[]): Promise<Interfaces.Options> {
  const config = await Config.load({...core, userPlugins: false, devPlugins: false});
  const plugins = new Map(config.plugins);
  try {
    for (const plugin of await installedPlugins(config, words)) plugins.set(plugin.name, plugin);
  } catch (error) {
    problems.push(`No installed plugin is loaded: ${printable((error as Error).message, 400)}`);
  }
  return {...core, root: config.root, plugins};
}

async function installedPlugins(config: Config, words: readonly string[]): Promise<Interfaces.Plugin[]> {
  const dataFolder = dataFolderOrNone();
  if (dataFolder === undefined) return [];
  const why = distrust(dataFolder, process.geteuid!());
  if (why !== undefined) throw new Error(`${printable(dataFolder, 4096)} is not trusted: ${why}.`);
  const found = readInstalledPackages(dataFolder, new Set(config.plugins.keys()));
  problems.push(...found.problems);
  if (found.packages.length === 0) return [];

  // Where the configuration cannot be read, no plugin is loaded: nobody knows which may be.
  const policies = await readPolicies(found.packages);
  const needsIntegrity = policies.some(({allow}) => allow.some(({integrity}) => integrity !== undefined));
  const core = coreNames(config);
  const plugins: Plugin[] = [];
  const refused = new Set<string>();
  for (const installed of found.packages) {
    const integrity = needsIntegrity ? installedIntegrity(dataFolder, installed.root) : undefined;
    const refusal =
      installed.parent !== undefined && refused.has(installed.parent)
        ? `${installed.parent}, which installed it, is not loaded`
        : await refusalOf(policies, {...installed, integrity});
    if (refusal !== undefined) {
      refused.add(installed.name);
      problems.push(`The plugin ${installed.name} is not loaded: ${refusal}.`);
      continue;
    }
    const {plugin, problems: more} = await instantiate(installed, core, words);
    const parent = plugins.find(({name}) => name === installed.parent);
    if (parent !== undefined) plugin.parent = parent;
    problems.push(...more);
    plugins.push(plugin);
  }
  return plugins;
}

/** Who has no home has installed nothing. The commands that need one say so. */
function dataFolderOrNone(): string | undefined {
  try {
    return userDataFolder();
  } catch (error) {
    if (error instanceof Failure) return undefined;
    throw error;
  }
}

function coreNames({commands, topics}: Config): CoreNames {
  return {
    commands: new Set(commands.flatMap(({id, aliases, hiddenAliases}) => [id, ...aliases, ...hiddenAliases])),
    topics: new Set(topics.map(({name}) => name)),
  };
}
