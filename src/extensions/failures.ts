import {printable} from '../foundation/printable.ts';
import {whyUnread} from '../config/read-text.ts';
import {exitCode, type ExitCode} from '../foundation/exit-code.ts';
import {Failure} from '../foundation/failure.ts';
import {howToChoose, type PluginIdentity} from './contributions.ts';
import {kindWords, type ModuleKind} from './kinds.ts';

// Finding and loading plugins

/** `plugin` is the one that probably does. */
export function noPluginProvides(
  kind: ModuleKind,
  name: string,
  installed: readonly string[],
  plugin: string | undefined,
): Failure {
  return new Failure(exitCode.unavailable, `No installed plugin provides ${kindWords[kind]} ${printable(name)}.`, {
    why: installed.length === 0 ? 'None of this kind is installed.' : `Installed: ${installed.join(', ')}.`,
    next: plugin === undefined ? 'tazpod plugins' : `tazpod plugins install ${plugin}`,
  });
}

export function twoPluginsProvide(kind: ModuleKind, name: string, one: PluginIdentity, other: PluginIdentity): Failure {
  return new Failure(exitCode.config, `Two plugins provide ${kindWords[kind]} ${name}.`, {
    why: `They are ${one.name} (${one.root}) and ${other.name} (${other.root}).`,
    next: howToChoose(other.name),
  });
}

export function pluginUnusable(
  plugin: PluginIdentity,
  kind: ModuleKind,
  name: string,
  why: string,
  cause?: unknown,
): Failure {
  const what = `The plugin ${plugin.name} ${plugin.version} cannot be used for ${kindWords[kind]} ${name}.`;
  return new Failure(exitCode.unavailable, what, {
    why,
    next: 'tazpod plugins update',
    cause,
  });
}

// Installing plugins

export function isDirectory(path: string): Failure {
  return new Failure(exitCode.usage, `${printable(path, 4096)} is a directory.`, {
    next: `tazpod plugins link ${printable(path, 4096)}`,
  });
}

export function doesNotExist(path: string): Failure {
  return new Failure(exitCode.noInput, `${printable(path, 4096)} does not exist.`);
}

export function cannotBeRead(path: string, error: unknown): Failure {
  return new Failure(exitCode.noInput, `${printable(path, 4096)} cannot be read.`, {why: whyUnread(error)});
}

export function invalidPackageName(text: string): Failure {
  return new Failure(exitCode.usage, `${JSON.stringify(printable(text))} is not a valid package name.`, {
    next: 'use a name such as infisical, tazpod-infisical@^1.0.0, @team/tazpod-pack or ./tazpod-x-1.0.0.tgz',
  });
}

export function noSuchPackage(names: readonly string[], registry: string | undefined): Failure {
  const what = `There is no package ${names.map((name) => printable(name)).join(' or ')}.`;
  return new Failure(exitCode.noInput, what, {
    why: `The registry ${registry === undefined ? 'that npm uses' : printable(registry, 200)} does not have it.`,
  });
}

export function notInstallable(name: string, why: string): Failure {
  return new Failure(exitCode.data, `${printable(name, 214)} cannot be installed as a plugin.`, {why: `${why}.`});
}

export function notBuilt(name: string, missing: string, root: string): Failure {
  return new Failure(exitCode.data, `The plugin ${printable(name, 214)} is not built.`, {
    why: `Its package.json names ${printable(missing, 400)}, which does not exist yet.`,
    next: `cd ${JSON.stringify(root)} && npm install && npm run build`,
  });
}

/** Each problem is a sentence; the first one is the failure's. */
export function invalidSections([what = '', ...more]: readonly string[]): Failure {
  return new Failure(exitCode.data, what, more.length === 0 ? {} : {why: more.join('\n  ')});
}

export function notAllowed(name: string, version: string, refusal: string): Failure {
  const what = `The plugin ${printable(name, 214)} ${printable(version)} is not allowed.`;
  return new Failure(exitCode.noPermission, what, {why: `${refusal}.`, next: 'tazpod plugins'});
}

/** A pack's policy would do it, and nobody agreed. */
export function switchesOff(
  what: string,
  {type, name, root = '.'}: {readonly type: 'user' | 'link'; readonly name: string; readonly root?: string | undefined},
): Failure {
  return new Failure(exitCode.noPermission, what, {
    why: 'Nothing was changed.',
    next: `tazpod plugins ${type === 'link' ? `link ${printable(root, 4096)}` : `install ${printable(name, 214)}`} --yes`,
  });
}

export function broughtBy(name: string, parent: string): Failure {
  return new Failure(exitCode.usage, `${name} was installed with ${parent}.`, {
    next: `tazpod plugins uninstall ${parent}`,
  });
}

export function notInstalled(name: string): Failure {
  return new Failure(exitCode.noInput, `No plugin ${printable(name, 214)} is installed.`, {next: 'tazpod plugins'});
}

/** Some plugins were not updated. The exit code is that of the first. */
export function notUpdated(failures: readonly {name: string; failure: Failure}[], updated: number): Failure {
  const sentences = failures.map(
    ({name, failure}) => `${name}: ${failure.message}${failure.why === undefined ? '' : ` ${failure.why}`}`,
  );
  const what = `${failures.length} of ${failures.length + updated} plugins were not updated.`;
  return new Failure(failures[0]!.failure.code, what, {why: sentences.join('\n  '), next: 'tazpod plugins'});
}

// npm

/** What npm reports, by its error code. */
export function npmFailed(code: string, summary: string, registry: string, isUnreachable: boolean): Failure {
  const why = `npm says: ${printable(summary || code || 'nothing', 300)}`;
  const say = (exit: ExitCode, what: string, next?: string) =>
    new Failure(exit, what, {why, ...(next === undefined ? {} : {next})});
  if (isUnreachable) {
    const next = 'check the network, or set another registry in TAZPOD_NPM_REGISTRY';
    return say(exitCode.unavailable, `The registry ${registry} cannot be reached.`, next);
  }
  if (/^E(40[13]|NEEDAUTH)$/.test(code)) {
    return say(exitCode.noPermission, `The registry ${registry} denies access.`, 'npm login');
  }
  if (code === 'E404' || code === 'ENOENT') return say(exitCode.noInput, 'There is no such package.');
  if (code === 'ETARGET') return say(exitCode.noInput, 'The package has no such version.');
  if (code === 'EINTEGRITY') return say(exitCode.data, 'The package does not match the registry’s checksum.');
  if (code === 'EACCES' || code === 'EPERM')
    return say(exitCode.noPermission, 'npm cannot write to the plugin directory.');
  if (code === 'ENOSPC') return say(exitCode.cannotCreate, 'No space is left for the plugin.');
  return say(exitCode.unavailable, 'npm failed.');
}

// The directory of plugins

export function folderNotTrusted(folder: string, why: string): Failure {
  return new Failure(exitCode.noPermission, `${folder} is not used.`, {why: `${why}.`});
}

export function folderLocked(pid: number): Failure {
  return new Failure(exitCode.busy, 'Another TazPod is changing the plugins.', {
    why: `It is process ${pid}.`,
    next: 'wait until it ends, and try again',
  });
}

export function folderNotWritable(folder: string, error: unknown): Failure {
  return new Failure(exitCode.cannotCreate, `Plugins cannot be installed in ${folder}.`, {
    why: `The kernel returned ${(error as NodeJS.ErrnoException).code ?? 'an error'}.`,
    cause: error,
  });
}

export function notJson(path: string): Failure {
  return new Failure(exitCode.config, `${path} is not JSON.`, {next: 'tazpod plugins reset'});
}

// A new plugin

export function invalidPluginName(name: string): Failure {
  return new Failure(exitCode.usage, `${JSON.stringify(printable(name))} is not a valid plugin name.`, {
    next: 'use a name such as store, tazpod-store or @team/tazpod-store',
  });
}

export function pluginNotCreated(folder: string, error: unknown): Failure {
  const {code = ''} = error as NodeJS.ErrnoException;
  return new Failure(exitCode.cannotCreate, `${printable(folder, 4096)} cannot be created.`, {
    why: code === 'EEXIST' ? 'It already exists.' : `The kernel returned ${code}.`,
    cause: error,
  });
}
