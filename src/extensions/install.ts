import {existsSync, realpathSync, rmSync} from 'node:fs';
import {join, resolve} from 'node:path';
import type {Interfaces} from '@oclif/core';
import {userDataFolder} from '../config/own-home.ts';
import {printable} from '../foundation/printable.ts';
import {exitCode} from '../foundation/exit-code.ts';
import {Failure} from '../foundation/failure.ts';
import {bundledArchive} from './bundled.ts';
import {contributionsOf} from './contributions.ts';
import {dependencyOf, forgetEntry, noteEntry, prepareDataFolder} from './data-folder.ts';
import {
  broughtBy,
  cannotBeRead,
  doesNotExist,
  invalidSections,
  noSuchPackage,
  notAllowed,
  notBuilt,
  notInstallable,
  notInstalled,
  switchesOff,
} from './failures.ts';
import {
  type InstalledEntry,
  type InstalledPackage,
  installedIntegrity,
  readEntries,
  readInstalledPackages,
  readPackage,
  withInstallScripts,
} from './installed-packages.ts';
import {moduleKinds} from './kinds.ts';
import {npm, type NpmFailure} from './npm.ts';
import {parsePackageSpec, type PackageSpec, possibleNames} from './package-spec.ts';
import {type Candidate, type Policy, refusalOf} from './policy.ts';
import {readPolicies} from './policy-files.ts';

/** Where plugins are installed, and from where. */
export type Shop = {
  /** oclif's data folder. */
  readonly dataFolder: string;
  /** Names of the core's packages, which no plugin may carry. */
  readonly coreNames: ReadonlySet<string>;
  /** Where the plugins lie that came with this TazPod. */
  readonly archiveFolder: string;
  /** An address; absent: what npm is set to. */
  readonly registry?: string | undefined;
  /** Told to the user while something goes on. */
  readonly progress: (text: string) => void;
  /** Asks whether plugins may be switched off; absent where nobody can be asked. */
  readonly agree?: ((question: string) => Promise<boolean>) | undefined;
  /** The user has agreed beforehand. */
  readonly agreed: boolean;
  /** What does not stop it, and is worth knowing. */
  readonly remark: (text: string) => void;
};

/** What has come of one plugin. */
export type PluginChange = {
  readonly name: string;
  readonly version: string;
  readonly type: 'user' | 'link';
  /** The version before, where there was one. */
  readonly before?: string;
};

/** Where and from where plugins are installed by this CLI. */
export function shopOf(
  config: Interfaces.Config,
  registry: string | undefined,
  more: Pick<Shop, 'agree' | 'agreed' | 'progress' | 'remark'>,
): Shop {
  const core = config.getPluginsList().filter(({type}) => type === 'core');
  return {
    dataFolder: userDataFolder(),
    coreNames: new Set(core.map(({name}) => name)),
    archiveFolder: join(config.root, 'archives'),
    registry: config.npmRegistry ?? registry,
    ...more,
  };
}

/**
 * Installs a plugin by what the user has named. Nothing of it runs, unless its install scripts are asked for, and they
 * run only when it has been looked at. Throws a Failure; then what was installed before is still there.
 */
export async function installPlugin(
  shop: Shop,
  text: string,
  options: {readonly allowScripts: boolean; readonly workingFolder: string},
): Promise<PluginChange> {
  const spec = parsePackageSpec(text, options.workingFolder);
  prepareDataFolder(shop.dataFolder);
  shop.progress(`Looking for ${printable(text)}…`);
  const offer = await findOffer(shop, spec);
  return installOffer(shop, offer, entryOf(offer.name, spec), options.allowScripts);
}

/** What has come of an update: one that is refused keeps no other from its new version. */
export type Updated = {
  readonly changes: readonly PluginChange[];
  readonly failures: readonly {readonly name: string; readonly failure: Failure}[];
};

/** Brings plugins to what their tags say now: all that were installed, or those that are named. */
export async function updatePlugins(shop: Shop, names: readonly string[]): Promise<Updated> {
  prepareDataFolder(shop.dataFolder);
  const entries = readEntries(shop.dataFolder).filter(({type}) => type === 'user');
  const wanted = names.length === 0 ? entries : names.map((name) => needEntry(entries, name));
  const changes: PluginChange[] = [];
  const failures: {name: string; failure: Failure}[] = [];
  for (const entry of wanted) {
    try {
      changes.push(await updatePlugin(shop, entry));
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      failures.push({name: entry.name, failure: error});
    }
  }
  return {changes, failures};
}

async function updatePlugin(shop: Shop, entry: InstalledEntry): Promise<PluginChange> {
  shop.progress(`Looking for a newer ${entry.name}…`);
  const spec: PackageSpec =
    entry.url === undefined
      ? {from: 'registry', names: [entry.name], tag: entry.tag ?? 'latest'}
      : {from: 'address', address: entry.url};
  const before = installedVersion(shop, entry.name);
  const offer = await findOffer(shop, spec);
  if (before !== undefined && entry.url === undefined && !(await isNewer(offer.version, before))) {
    return {name: entry.name, version: before, type: 'user', before};
  }
  return installOffer(shop, offer, entry, false);
}

/** Takes a plugin away, by its name, its short name, or the folder that is linked. */
export async function uninstallPlugin(shop: Shop, name: string, workingFolder: string): Promise<PluginChange> {
  prepareDataFolder(shop.dataFolder);
  const entries = readEntries(shop.dataFolder);
  const linked = entries.find(({type, root}) => type === 'link' && root === resolvedFolder(workingFolder, name));
  const entry = findEntry(entries, name) ?? linked;
  if (entry === undefined) {
    const {packages} = readInstalledPackages(shop.dataFolder, shop.coreNames);
    const brought = packages.find((each) => possibleNames(name).includes(each.name));
    if (brought?.parent === undefined) throw notInstalled(name);
    throw broughtBy(brought.name, brought.parent);
  }
  const version = installedVersion(shop, entry.name) ?? '';
  // First it is forgotten, then removed: what is half removed is not loaded.
  forgetEntry(shop.dataFolder, entry.name);
  if (entry.type === 'user') {
    try {
      await npm(['uninstall', entry.name], {folder: shop.dataFolder, registry: shop.registry});
    } catch (error) {
      shop.remark(`The files of ${entry.name} remain, but are not used: ${(error as Failure).why ?? ''}`);
    }
  }
  return {name: entry.name, version, type: entry.type};
}

/** Uses a folder as a plugin, as it is: nothing is built or installed in it. */
export async function linkPlugin(shop: Shop, path: string, workingFolder: string): Promise<PluginChange> {
  const shown = printable(resolve(workingFolder, path), 4096);
  const folder = existingFolder(workingFolder, path, shown);
  prepareDataFolder(shop.dataFolder);
  const found = readPackage({type: 'link'}, folder, shop.coreNames);
  if (typeof found === 'string') throw notInstallable(shown, found);
  await checkAllowed(shop, {name: found.name, version: found.version});
  await checkSections([found]).catch((error: unknown) => {
    throw missingModule(found) ?? error;
  });
  const entry = {name: found.name, root: folder, type: 'link'} as const;
  await agreeToSwitchOff(shop, entry, await refusedNow(shop));
  noteEntry(shop.dataFolder, entry);
  await tellWhatIsOdd(shop, found);
  return {name: found.name, version: found.version, type: 'link'};
}

/**
 * Takes every plugin away, with all that npm has left there; works in any state of the folder. Returns what was
 * noted as installed.
 */
export function resetPlugins({dataFolder}: Shop): InstalledEntry[] {
  let entries: InstalledEntry[] = [];
  try {
    entries = readEntries(dataFolder);
  } catch {
    // What cannot be read is what this is for.
  }
  for (const name of ['package.json', 'package-lock.json', 'node_modules']) {
    rmSync(join(dataFolder, name), {recursive: true, force: true});
  }
  return entries;
}

/** A package as it would be installed. */
type Offer = Required<Candidate> & {
  /** What npm is to install. */
  readonly spec: string;
};

/** Finds what would be installed, without installing it. Throws a Failure for what may not be. */
async function findOffer(shop: Shop, spec: PackageSpec): Promise<Offer> {
  const core = spec.from === 'registry' ? spec.names.find((name) => shop.coreNames.has(name)) : undefined;
  if (core !== undefined) throw notInstallable(core, `${core} is part of TazPod`);
  if (spec.from === 'address') return offerOf(shop, spec.address);
  for (const name of spec.names) {
    const offer = await offerByName(shop, name, spec.tag);
    if (offer !== undefined) return offer;
  }
  throw noSuchPackage(spec.names, shop.registry);
}

/**
 * What the registry has under a name, or the archive that came with TazPod where the registry has nothing or does not
 * answer. The entry that is noted still names the registry, so that the next update asks it again.
 */
async function offerByName(shop: Shop, name: string, tag: string): Promise<Offer | undefined> {
  try {
    return await offerOf(shop, `${name}@${tag}`);
  } catch (error) {
    const {npmCode, code} = error as NpmFailure;
    const hasNone = npmCode === 'E404' || npmCode === 'ETARGET';
    if (!hasNone && code !== exitCode.unavailable) throw error;
    const bundled = await bundledArchive(shop.archiveFolder, name, tag);
    if (bundled === undefined) {
      if (npmCode === 'E404') return undefined;
      throw error;
    }
    shop.remark(
      `The registry ${hasNone ? `does not have ${name}@${printable(tag)}` : 'cannot be reached'}; ` +
        `using ${name} ${bundled.version}, which came with TazPod.`,
    );
    return offerOf(shop, bundled.path);
  }
}

/** Looks at one package where npm finds it. Throws a Failure for what may not be installed. */
async function offerOf(shop: Shop, candidate: string): Promise<Offer> {
  // Of what the registry says, the archive is what counts: npm fetches it and tells what is in it.
  const answer = await npm(['pack', candidate, '--dry-run'], {folder: shop.dataFolder, registry: shop.registry});
  const [packed] = answer as [{name: string; version: string; integrity: string}];
  const isAddress = !candidate.startsWith(`${packed.name}@`);
  const offer = {...packed, spec: isAddress ? candidate : `${packed.name}@${packed.version}`};
  if (shop.coreNames.has(offer.name)) throw notInstallable(offer.name, `${offer.name} is part of TazPod`);
  await checkAllowed(shop, offer);
  return offer;
}

async function installOffer(
  shop: Shop,
  offer: Offer,
  entry: InstalledEntry,
  allowScripts: boolean,
): Promise<PluginChange> {
  const {dataFolder: folder, registry} = shop;
  const before = installedVersion(shop, offer.name);
  const dependencyBefore = dependencyOf(folder, offer.name);
  const refusedBefore = await refusedNow(shop);
  shop.progress(`Installing ${offer.name} ${offer.version}…`);
  const answer = await npm(['install', '--omit=dev', '--save-exact', offer.spec], {folder, registry});
  try {
    const found = await inspect(shop, offer, entry);
    await agreeToSwitchOff(shop, entry, refusedBefore);
    const added = (answer as {add?: {path: string}[]} | undefined)?.add ?? [];
    const scripted = withInstallScripts(folder, new Set(added.map(({path}) => path)));
    if (allowScripts && scripted.length > 0) await npm(['rebuild', ...scripted], {folder, registry, allowScripts});
    else if (scripted.length > 0) {
      const names = scripted.map((name) => printable(name, 214)).join(', ');
      shop.remark(`Install scripts were not run: ${names}. If the plugin needs them: --allow-scripts`);
    }
    noteEntry(folder, entry);
    await tellWhatIsOdd(shop, found);
  } catch (error) {
    await npm(
      dependencyBefore === undefined
        ? ['uninstall', offer.name]
        : ['install', '--omit=dev', '--save-exact', specOf(offer.name, dependencyBefore)],
      {folder, registry},
    ).catch((failure: unknown) => {
      shop.remark(`${offer.name} could not be removed again: ${(failure as Failure).why ?? ''}`);
    });
    throw error;
  }
  return {
    name: offer.name,
    version: offer.version,
    type: 'user',
    ...(before === undefined ? {} : {before}),
  };
}

/** Looks at what was installed, before anything of it may run. Throws a Failure. */
async function inspect(shop: Shop, offer: Offer, entry: InstalledEntry): Promise<InstalledPackage> {
  const root = join(shop.dataFolder, 'node_modules', offer.name);
  const found = readPackage(entry, root, shop.coreNames);
  if (typeof found === 'string') throw notInstallable(offer.name, found);
  if (installedIntegrity(shop.dataFolder, found.root) !== offer.integrity) {
    throw notInstallable(offer.name, 'the installed package differs from the one that was checked');
  }
  const brought = readInstalledPackages(shop.dataFolder, shop.coreNames, [entry]);
  if (brought.problems[0] !== undefined) throw notInstallable(offer.name, brought.problems[0].replace(/\.$/, ''));
  for (const {name, version, root: folder} of brought.packages) {
    await checkAllowed(shop, {name, version, integrity: installedIntegrity(shop.dataFolder, folder)});
  }
  await checkSections(brought.packages);
  return found;
}

async function checkSections(packages: readonly InstalledPackage[]): Promise<void> {
  for (const each of packages) {
    const {problems} = await contributionsOf([each]);
    const refused = problems.map((problem) => problem.replace('is ignored', 'is refused'));
    if (refused.length > 0) throw invalidSections(refused);
  }
}

async function checkAllowed(shop: Shop, candidate: Candidate): Promise<void> {
  const {packages} = readInstalledPackages(shop.dataFolder, shop.coreNames);
  // A new version of a pack does not need the leave of the one that is there.
  const refusal = await refusalOf(await readPolicies(packages.filter(({name}) => name !== candidate.name)), candidate);
  if (refusal === undefined) return;
  throw notAllowed(candidate.name, candidate.version, refusal);
}

/** The installed plugins that no policy lets in now. */
async function refusedNow(shop: Shop): Promise<ReadonlySet<string>> {
  const {packages} = readInstalledPackages(shop.dataFolder, shop.coreNames);
  return new Set((await refusedBy(shop, await readPolicies(packages), packages)).map(({name}) => name));
}

async function refusedBy(shop: Shop, policies: readonly Policy[], packages: readonly InstalledPackage[]) {
  const refused: InstalledPackage[] = [];
  for (const each of packages) {
    const integrity = installedIntegrity(shop.dataFolder, each.root);
    const isRefused = (await refusalOf(policies, {...each, integrity})) !== undefined;
    if (isRefused || refused.some(({name}) => name === each.parent)) refused.push(each);
  }
  return refused;
}

/**
 * A pack's policy may let in none of what is installed already: that happens only if the user agrees. Throws a
 * Failure (77) if not.
 */
async function agreeToSwitchOff(shop: Shop, entry: InstalledEntry, refusedBefore: ReadonlySet<string>): Promise<void> {
  const {dataFolder, coreNames} = shop;
  const {packages: brought} = readInstalledPackages(dataFolder, coreNames, [entry]);
  const ours = new Set(brought.map(({name}) => name));
  const others = readInstalledPackages(dataFolder, coreNames).packages.filter(({name}) => !ours.has(name));
  const refused = await refusedBy(shop, await readPolicies([...others, ...brought]), others);
  const names = refused.map(({name}) => name).filter((name) => !refusedBefore.has(name));
  if (names.length === 0) return;
  const list = names.map((name) => printable(name, 214)).join(', ');
  const what = `The policy of ${printable(entry.name, 214)} switches off ${names.length === 1 ? 'a plugin that is' : `${names.length} plugins that are`} installed: ${list}.`;
  if (shop.agreed || (await shop.agree?.(`${what} Continue?`)) === true) {
    shop.remark(what);
    return;
  }
  throw switchesOff(what, entry);
}

/** A linked folder whose modules are still to be made. */
function missingModule({name, root, pjson}: InstalledPackage): Failure | undefined {
  const {scripts} = pjson as {scripts?: {build?: unknown}};
  const section = (pjson as {tazpod?: Record<string, unknown>}).tazpod ?? {};
  const paths = moduleKinds.flatMap((kind) => Object.values((section[kind] ?? {}) as Record<string, unknown>));
  const missing = paths.find((path): path is string => typeof path === 'string' && !existsSync(join(root, path)));
  if (missing === undefined || typeof scripts?.build !== 'string') return undefined;
  return notBuilt(name, missing, root);
}

/** Warnings about a plugin that can be used all the same. */
async function tellWhatIsOdd(shop: Shop, installed: InstalledPackage): Promise<void> {
  const hooks = Object.keys(installed.pjson.oclif.hooks ?? {}).map((hook) => printable(hook));
  if (hooks.length > 0) {
    shop.remark(
      `${installed.name} has hooks (${hooks.join(', ')}). They run with its own commands only, never with TazPod's.`,
    );
  }
  const {packages} = readInstalledPackages(shop.dataFolder, shop.coreNames);
  const {problems} = await contributionsOf(packages);
  for (const problem of problems.filter((each) => each.includes(installed.name))) shop.remark(problem);
}

function entryOf(name: string, spec: PackageSpec): InstalledEntry {
  return spec.from === 'address' ? {name, type: 'user', url: spec.address} : {name, type: 'user', tag: spec.tag};
}

function findEntry(entries: readonly InstalledEntry[], name: string): InstalledEntry | undefined {
  const names = possibleNames(name.replace(/(?<=.)@[^/]*$/, ''));
  return names.map((each) => entries.find((entry) => entry.name === each)).find((entry) => entry !== undefined);
}

/** Throws a Failure (66) if no such plugin is installed. */
function needEntry(entries: readonly InstalledEntry[], name: string): InstalledEntry {
  const entry = findEntry(entries, name);
  if (entry === undefined) throw notInstalled(name);
  return entry;
}

function installedVersion({dataFolder, coreNames}: Shop, name: string): string | undefined {
  return readInstalledPackages(dataFolder, coreNames).packages.find((each) => each.name === name)?.version;
}

/** False for an older version too: without the registry, there may be only the one that came with TazPod. */
async function isNewer(version: string, before: string): Promise<boolean> {
  const {lt, valid} = (await import('semver')).default;
  return valid(version) === null || valid(before) === null ? version !== before : lt(before, version);
}

/** What npm installs again for a dependency of a package.json. */
function specOf(name: string, dependency: string): string {
  return /^\d/.test(dependency) ? `${name}@${dependency}` : dependency;
}

function resolvedFolder(workingFolder: string, path: string): string | undefined {
  try {
    return realpathSync(resolve(workingFolder, path));
  } catch {
    return undefined;
  }
}

/** Throws a Failure (66) where there is no such folder, or none that this user can reach. */
function existingFolder(workingFolder: string, path: string, shown: string): string {
  try {
    return realpathSync(resolve(workingFolder, path));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') {
      throw doesNotExist(shown);
    }
    throw cannotBeRead(shown, error);
  }
}
