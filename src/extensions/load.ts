import {pathToFileURL} from 'node:url';
import type {CleanupStrategy, SecretBackend, Shell} from '../contract/index.ts';
import {claimants, type FoundContributions, type PluginIdentity, resolveInPackage} from './contributions.ts';
import {pluginUnusable, twoPluginsProvide} from './failures.ts';
import {contractVersion, type ModuleKind} from './kinds.ts';
import {missingPlugin} from './missing.ts';

/** What the modules of each kind have as their default export. */
export type Modules = {
  readonly secretBackends: SecretBackend;
  readonly shells: Shell;
  readonly cleanupStrategies: CleanupStrategy;
};

/** The functions that a module must have, and those that it may have. */
const shapes: Readonly<Record<ModuleKind, {readonly needs: readonly string[]; readonly may: readonly string[]}>> = {
  secretBackends: {
    needs: ['readFolder'],
    may: ['checkSettings', 'needsTrust', 'sessionOf', 'clearCopies', 'login', 'logout'],
  },
  shells: {needs: ['renderSnippet', 'renderSourceLine', 'startUpFile'], may: ['renderCompletion']},
  cleanupStrategies: {needs: ['plan'], may: []},
};

/** How long a module may take to be loaded: reading files and nothing else. */
const deadlineMs = 10_000;

/**
 * Loads the module that a plugin brings under a name. Its shape is checked by value.
 *
 * Throws a Failure that names the plugin: 69 where no plugin has the name, 78 where two have, 69 where the module
 * cannot be loaded within the deadline or is not what it claims to be. What a plugin has thrown is the `cause`, for
 * `--debug`, and not in the message: it may hold anything.
 */
export async function loadModule<K extends ModuleKind>(
  found: FoundContributions,
  kind: K,
  name: string,
  withinMs = deadlineMs,
): Promise<{readonly plugin: PluginIdentity; readonly module: Modules[K]}> {
  const [claimant, second] = claimants(found, kind, name);
  if (claimant === undefined) throw missingPlugin(kind, name, found);
  const {plugin, contributions} = claimant;
  if (second !== undefined) {
    throw twoPluginsProvide(kind, name, plugin, second.plugin);
  }
  const path = contributions[kind]![name]!;
  let exported: unknown;
  try {
    const url = pathToFileURL(resolveInPackage(plugin.root, path)).href;
    exported = await within(withinMs, import(url) as Promise<{default?: unknown}>);
  } catch (error) {
    throw pluginUnusable(plugin, kind, name, reasonOf(error, withinMs), error);
  }
  const fault = faultOf((exported as {default?: unknown}).default, kind);
  if (fault !== undefined) throw pluginUnusable(plugin, kind, name, `The default export of ${path} ${fault}`);
  return {plugin, module: (exported as {default: Modules[K]}).default};
}

/** Thrown by `within`. Told from what a plugin throws by being this very object. */
const late = new Error('it takes too long');

/**
 * Waits for a promise, and no longer than a time. A timer keeps the process alive for a module that never finishes
 * loading.
 */
async function within<T>(ms: number, promise: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  try {
    return await Promise.race([
      promise,
      new Promise<never>((_resolve, reject) => {
        timer = setTimeout(() => reject(late), ms);
      }),
    ]);
  } finally {
    clearTimeout(timer);
  }
}

function reasonOf(error: unknown, ms: number): string {
  if (error === late) return `Its module did not load within ${ms / 1000} s.`;
  return `Its module ${error instanceof Error && error.name === 'SyntaxError' ? 'is not JavaScript' : 'threw an error'}.`;
}

function faultOf(module: unknown, kind: ModuleKind): string | undefined {
  if (typeof module !== 'object' || module === null) return 'is not an object.';
  const {needs, may} = shapes[kind];
  try {
    const member = (key: string): unknown => (module as Record<string, unknown>)[key];
    if (member('contract') !== contractVersion) return `does not declare "contract: ${contractVersion}".`;
    const wrong =
      needs.find((key) => typeof member(key) !== 'function') ??
      may.find((key) => member(key) !== undefined && typeof member(key) !== 'function');
    return wrong === undefined ? undefined : `has no function "${wrong}".`;
  } catch {
    return 'throws when its properties are read.';
  }
}
