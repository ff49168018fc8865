import {dirname} from 'node:path';
import type {BridgeDeclaration, LatchDeclaration} from '../contract/index.ts';
import {Failure} from '../foundation/failure.ts';
import type {EngineId, Isolation} from '../lifecycle/plan.ts';
import {findOwnHome} from './own-home.ts';
import {findProjectConfig, lookAt, userConfigPath} from './discover.ts';
import type {ShareName} from '../foundation/share.ts';
import type {YamlPath} from './json-schema.ts';
import type {Folders, Layer, Origin} from './layer.ts';
import {variables} from './variables.ts';

export type {Origin} from './layer.ts';

/** The settings that have one value. Paths are absolute. */
export type ConfigValues = {
  /** Absent: the nearest one from the working folder upwards. */
  readonly image?: string;
  /** The name of the vault that is meant where there is no image and no vault from the working folder upwards. */
  readonly 'default-vault'?: string;
  /** Absent: `~/secrets`. */
  readonly 'mount-point'?: string;
  /** Absent: the best that the machine has. */
  readonly engine?: EngineId;
  /** Absent: sealed where root or sudo is there. */
  readonly isolation?: Isolation;
  /** Services of the login that sessions may use. Absent: none. */
  readonly share?: readonly ShareName[];
  /** As people write it: `512M`. */
  readonly size: string;
  readonly 'cleanup.strategy'?: string;
  /** Absent: what npm uses. */
  readonly 'plugins.registry'?: string;
  /** Absent: the login shell. */
  readonly shells?: readonly string[];
  /** Absent: daily. */
  readonly 'update-notice'?: 'daily' | 'never';
};

export type Configuration = {
  readonly values: ConfigValues;
  /** Where each value is from; `built-in` for those that are absent. */
  readonly origins: Readonly<Record<keyof ConfigValues, Origin>>;
  /** Of environment, user and packs; plugins' own are not among them. None of a project's. */
  readonly bridges: readonly (BridgeDeclaration & {readonly origin: Origin})[];
  readonly latches: readonly (LatchDeclaration & {readonly origin: Origin})[];
  /**
   * The settings of plugins. Each list must allow one: the user's, or a pack's where the user says nothing; and the
   * project's, which can only narrow.
   */
  readonly policies: readonly PluginPolicy[];
  /** The folder that has `.tazpod/config.yaml`, where one does. */
  readonly projectFolder?: string;
  /** What is wrong with variables of the environment. Only a command that needs such a setting fails. */
  readonly variableFaults: Readonly<Partial<Record<string, Failure>>>;
};

export type PluginPolicy = {
  readonly origin: Origin;
  /** Where it stands, for messages. */
  readonly source: string;
  readonly allow: readonly {
    readonly name: string;
    readonly version?: string | undefined;
    readonly integrity?: string | undefined;
  }[];
};

/** What the configuration is read from. */
export type Surroundings = {
  readonly environment: NodeJS.ProcessEnv;
  readonly workingFolder: string;
  readonly home: string;
  readonly uid: number;
  /** The `defaults` of plugins; an earlier one comes before a later one. */
  readonly packs: readonly {readonly plugin: {readonly name: string}; readonly path: string}[];
};

/** Throws the Failure (78) of a setting that a variable gets wrong. */
export function requireSettings(
  {variableFaults}: Pick<Configuration, 'variableFaults'>,
  ...keys: readonly (keyof ConfigValues)[]
): void {
  for (const key of keys) if (variableFaults[key] !== undefined) throw variableFaults[key];
}

/** What was found, and what is wrong with it. */
export type Reading = {
  readonly configuration: Configuration;
  /** The files that could be, in the order of precedence. */
  readonly files: readonly ConfigFile[];
  /** A Failure (78) for each file that cannot be used, and is left out of `configuration`. */
  readonly faults: readonly Failure[];
  /** Sentences about what is not read although it is there. */
  readonly remarks: readonly string[];
};

/** A place that the configuration comes from. */
export type ConfigFile = {
  readonly from: 'project' | 'user' | 'pack';
  /**
   * `absent`: no such file. `distrusted`: a warning says why it is not read. `faulty`: a fault or a warning says why.
   */
  readonly state: 'absent' | 'found' | 'distrusted' | 'faulty';
  readonly path?: string;
};

const builtInSize = '512M';

/** A command that needs no home must not fail for want of one: then no file of the user's is read. */
function homeOrNone(): string {
  try {
    return findOwnHome().home;
  } catch {
    return '/nonexistent';
  }
}

/** What this process is surrounded by. */
export function surroundingsHere(packs: Surroundings['packs'] = []): Surroundings {
  return {environment: process.env, workingFolder: workingFolder(), home: homeOrNone(), uid: process.getuid!(), packs};
}

/**
 * The configuration that holds here: environment before project before user before packs before what is built in. Each
 * warning is passed on. Throws a Failure (78) where the user's own file or the project's is wrong; a pack that is wrong
 * costs a warning, and a variable only those who need it (`requireSettings`).
 */
export async function loadConfig(
  surroundings: Surroundings,
  remark: (text: string) => void = () => {},
): Promise<Configuration> {
  const {configuration, faults, remarks} = await readConfig(surroundings);
  for (const text of remarks) remark(text);
  if (faults[0] !== undefined) throw faults[0];
  return configuration;
}

/** As `loadConfig`, but what is wrong is left out and told. */
export async function readConfig(surroundings: Surroundings): Promise<Reading> {
  const {environment, home, uid, packs} = surroundings;
  const project = {from: 'project' as const, ...findProjectConfig(surroundings.workingFolder, uid)};
  const user = {from: 'user' as const, ...lookAt(userConfigPath(environment, home), uid)};
  const ofPacks = packs.map(({plugin, path}) => ({from: 'pack' as const, plugin, state: 'found' as const, path}));
  const projectFolder = project.state === 'found' ? dirname(dirname(project.path)) : undefined;
  const inProject: Folders = {home, relativeTo: projectFolder ?? surroundings.workingFolder};

  const layers: Layer[] = [];
  const faults: Failure[] = [];
  const variableFaults: Record<string, Failure> = {};
  const faulty = new Set<string>();
  const remarks = [project, user].flatMap((each) => (each.state === 'distrusted' ? [each.why] : []));
  const add = (read: () => Layer | undefined, path?: string, plugin?: string) => {
    try {
      layers.push(...[read() ?? []].flat());
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      if (path !== undefined) faulty.add(path);
      if (plugin === undefined) faults.push(error);
      else remarks.push(`The defaults of the plugin ${plugin} are ignored: ${error.message}`);
    }
  };
  const places = [project, user, ...ofPacks];
  const variableSet = Object.keys(variables).some((name) => Boolean(environment[name]));
  if (variableSet || places.some(({state}) => state === 'found')) {
    // The libraries for YAML and schemas are loaded only where there is something to read.
    const {environmentLayer, fileLayer} = await import('./layer.ts');
    // One by one: a variable that is wrong costs its own setting and no other.
    for (const [name, steps] of Object.entries(variables)) {
      try {
        const own = {[name]: environment[name]};
        layers.push(...[environmentLayer(own, {home, relativeTo: surroundings.workingFolder}) ?? []].flat());
      } catch (error) {
        if (!(error instanceof Failure)) throw error;
        variableFaults[steps.join('.')] = error;
      }
    }
    for (const place of places) {
      if (place.state !== 'found') continue;
      const folders = place.from === 'user' ? {home, relativeTo: home} : inProject;
      const whose = place.from === 'pack' ? {from: place.from, plugin: place.plugin.name} : {from: place.from};
      add(() => fileLayer(place.path, whose, folders), place.path, 'plugin' in whose ? whose.plugin : undefined);
    }
  }
  const files = places.map((place): ConfigFile => {
    const {from, state} = place;
    return state === 'absent'
      ? {from, state}
      : {from, state: faulty.has(place.path) ? 'faulty' : state, path: place.path};
  });
  const configuration = {
    ...resolveLayers(layers),
    variableFaults,
    ...(projectFolder === undefined ? {} : {projectFolder}),
  };
  return {configuration, files, faults, remarks};
}

/** An origin for people: `TAZPOD_SIZE`, `/home/dev/project/.tazpod/config.yaml:4`. */
export function formatOrigin(origin: Origin): string {
  switch (origin.from) {
    case 'environment':
      return origin.variable;
    case 'project':
    case 'user':
      return `${origin.file}:${origin.line}`;
    case 'pack':
      return `${origin.plugin} (${origin.file}:${origin.line})`;
    case 'built-in':
      return origin.from;
  }
}

const builtIn: Origin = {from: 'built-in'};

function resolveLayers(layers: readonly Layer[]): Omit<Configuration, 'variableFaults'> {
  const first = <T>(path: YamlPath, pick: (document: Layer['document']) => T | undefined) => {
    const layer = layers.find(({document}) => pick(document) !== undefined);
    return layer === undefined ? undefined : {value: pick(layer.document) as T, origin: layer.origin(path)};
  };
  const found = {
    image: first(['image'], (document) => document.image),
    'default-vault': first(['default-vault'], (document) => document['default-vault']),
    'mount-point': first(['mount-point'], (document) => document['mount-point']),
    engine: first(['engine'], (document) => document.engine),
    isolation: first(['isolation'], (document) => document.isolation),
    size: first(['size'], (document) => document.size) ?? {value: builtInSize, origin: builtIn},
    share: first(['share'], (document) => document.share),
    'cleanup.strategy': first(['cleanup', 'strategy'], (document) => document.cleanup?.strategy),
    'plugins.registry': first(['plugins', 'registry'], (document) => document.plugins?.registry),
    shells: first(['shells'], (document) => document.shells),
    'update-notice': first(['update-notice'], (document) => document['update-notice']),
  };
  const entries = Object.entries(found);
  return {
    values: Object.fromEntries(
      entries.flatMap(([key, setting]) => (setting === undefined ? [] : [[key, setting.value]])),
    ) as unknown as ConfigValues,
    origins: Object.fromEntries(
      entries.map(([key, setting]) => [key, setting?.origin ?? builtIn]),
    ) as Configuration['origins'],
    bridges: gather(layers, 'bridges', ({home}) => home),
    latches: gather(layers, 'latches', ({command}) => command).map(({command, reason, origin}) => ({
      command,
      ...(reason === undefined ? {} : {reason}),
      origin,
    })),
    policies: policiesOf(layers),
  };
}

type Lists = Pick<Required<Layer['document']>, 'bridges' | 'latches'>;

/** The elements of a list of all layers; where two are about the same thing, the one of the earlier layer. */
function gather<K extends keyof Lists>(
  layers: readonly Layer[],
  key: K,
  about: (element: NonNullable<Lists[K]>[number]) => string,
): (NonNullable<Lists[K]>[number] & {readonly origin: Origin})[] {
  const gathered = new Map<string, NonNullable<Lists[K]>[number] & {readonly origin: Origin}>();
  for (const {document, origin} of layers) {
    for (const [index, element] of (document[key] ?? []).entries()) {
      const topic = about(element);
      if (!gathered.has(topic)) gathered.set(topic, {...element, origin: origin([key, index])});
    }
  }
  return [...gathered.values()];
}

function policiesOf(layers: readonly Layer[]): PluginPolicy[] {
  const policies = layers.flatMap(({document, origin}) => {
    const allow = document.plugins?.allow;
    if (allow === undefined) return [];
    const where = origin(['plugins', 'allow']);
    return [{origin: where, source: formatOrigin(where), allow}];
  });
  const own = policies.find(({origin}) => origin.from !== 'project');
  return policies.filter((policy) => policy === own || policy.origin.from === 'project');
}

/** Where the working folder was removed under the shell, nothing is looked for; what needs it tells the user. */
function workingFolder(): string {
  try {
    return process.cwd();
  } catch {
    return '/';
  }
}
