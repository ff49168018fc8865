import {dirname} from 'node:path';
import type {YamlFile, YamlPath} from '../../config/yaml-file.ts';
import {
  type EntryDocument,
  type ProfileDocument,
  type SecretsDocument,
  type TemplateDocument,
} from './secrets-schema.ts';
import {parseTemplate} from './template.ts';
import {faultOfVariable, isDecisive} from './variable-name.ts';
import {collidingPath, faultOfVaultPath, foldCase} from './vault-path.ts';

/** A backend as `secrets.yml` names it. */
export type BackendDefinition = {
  readonly name: string;
  readonly type: string;
  readonly settings: Readonly<Record<string, unknown>>;
};

/** What is wanted of one folder of a store: one secret by its name, or all of it. */
export type WantedSecret = {
  readonly at: YamlPath;
  readonly backend: BackendDefinition;
  readonly environment?: string;
  /** The folder in the store. */
  readonly path: string;
  readonly recursive: boolean;
  /** Names and globs of what is left out of a whole folder. */
  readonly exclude: readonly string[];
  /** Which part of an entry is the secret, for backends that know several. */
  readonly content?: string;
  /** Absent: the whole folder. */
  readonly name?: string;
  /** How templates call it. */
  readonly alias?: string;
  /** A path in the vault; of a whole folder, the folder that the files go to. */
  readonly file?: string;
  /** A variable; of a whole folder, what its variables' names begin with. */
  readonly env?: string;
  readonly envHolds: 'value' | 'path';
  readonly mode: number;
  readonly optional: boolean;
  readonly fallback?: string;
};

export type WantedTemplate = {
  readonly at: YamlPath;
  readonly file: string;
  /** Where the template's text is; absent where it stands in `secrets.yml`. */
  readonly source?: string;
  readonly text?: string;
  readonly env?: string;
  readonly mode: number;
};

/** What `secrets.yml` says, with one profile applied, checked as far as that goes without asking a store. */
export type Mapping = {
  readonly file: YamlFile<SecretsDocument>;
  /** Relative paths in settings are meant from here. */
  readonly projectFolder: string;
  readonly profile?: string;
  readonly backends: readonly BackendDefinition[];
  /** The one that `backend:` at the top of the file or of the profile names, if it is in use. */
  readonly standard?: string;
  readonly secrets: readonly WantedSecret[];
  readonly templates: readonly WantedTemplate[];
  /** Variables that change how programs load and are asked for: the user must agree. */
  readonly allowEnv: readonly string[];
};

export type MappingOptions = {
  readonly profile?: string | undefined;
  /** Paths of the vault that bridges have. */
  readonly bridgeEnds?: readonly string[];
};

const defaultMode = '0600';

/** Applies a profile and checks what the schema could not. Throws a Failure (78) with the place in the file. */
export function makeMapping(file: YamlFile<SecretsDocument>, options: MappingOptions = {}): Mapping {
  const layers = layersOf(file, options.profile);
  const last = <K extends 'backend' | 'environment' | 'path'>(key: K) =>
    layers.findLast(({part}) => part[key])?.part[key];
  const registry = new BackendRegistry(file, last('backend'));
  const allowEnv = [...new Set(layers.flatMap(({part}) => part['allow-env'] ?? []))].filter(isDecisive);
  const defaults = {environment: last('environment'), path: last('path') ?? '/'};
  const secrets = overlay(
    layers.flatMap(({at, part}) =>
      (part.secrets ?? []).map((value, index) => ({at: [...at, 'secrets', index], value})),
    ),
    ({value}) => keysOfEntry(value),
  ).map(({at, value}) => wantedSecret(file, registry, defaults, at, value));
  const templates = overlay(
    layers.flatMap(({at, part}) =>
      (part.templates ?? []).map((value, index) => ({at: [...at, 'templates', index], value})),
    ),
    ({value}) => [foldCase(value.file)],
  ).map(({at, value}) => wantedTemplate(file, at, value));
  const standard = last('backend');
  const backends = registry.used();
  const mapping: Mapping = {
    file,
    projectFolder: dirname(file.path),
    ...(options.profile === undefined ? {} : {profile: options.profile}),
    backends,
    ...(backends.some(({name}) => name === standard) ? {standard: standard!} : {}),
    secrets,
    templates,
    allowEnv,
  };
  checkDestinations(mapping, options.bridgeEnds ?? []);
  return mapping;
}

type Layer = {readonly at: YamlPath; readonly part: SecretsDocument | ProfileDocument};

/** The file itself, then the profiles from the one that is inherited to the one that was asked for. */
function layersOf(file: YamlFile<SecretsDocument>, profile: string | undefined): Layer[] {
  const profiles = file.value.profiles ?? {};
  // All chains are followed, so that a loop among other profiles is reported before a user needs one of them.
  const chainOf = (name: string): string[] => {
    const chain: string[] = [];
    for (let each: string | undefined = name; each !== undefined; each = profiles[each]?.inherits) {
      if (chain.includes(each)) {
        const loop = [...chain.slice(0, chain.indexOf(each) + 1).reverse(), each].join(' → ');
        throw file.failure(['profiles', each, 'inherits'], `makes the profile inherit from itself (${loop}).`);
      }
      if (!Object.hasOwn(profiles, each)) {
        throw file.failure(['profiles', chain.at(-1)!, 'inherits'], `does not name a profile of this file.`);
      }
      chain.unshift(each);
    }
    return chain;
  };
  const chains = new Map(Object.keys(profiles).map((name) => [name, chainOf(name)]));
  if (profile !== undefined && !chains.has(profile)) {
    const known = [...chains.keys()].join(', ');
    throw file.failure(['profiles'], `has no "${profile}".`, known === '' ? undefined : `choose one of ${known}`);
  }
  const chosen = profile === undefined ? [] : chains.get(profile)!;
  return [{at: [], part: file.value}, ...chosen.map((name) => ({at: ['profiles', name], part: profiles[name]!}))];
}

/**
 * Those of later layers take the place of earlier ones that have a key in common. What stands twice in one layer stays,
 * and is reported later.
 */
function overlay<T extends {readonly at: YamlPath}>(items: readonly T[], keysOf: (item: T) => readonly string[]): T[] {
  const layer = ({at}: T) => JSON.stringify(at.slice(0, -1));
  const owner = new Map(items.flatMap((item) => keysOf(item).map((key) => [key, layer(item)] as const)));
  return items.filter((item) => keysOf(item).every((key) => owner.get(key) === layer(item)));
}

/** What an entry is known by: what is fetched, and where that goes. */
function keysOfEntry({name, folder, as, backend, file, env}: EntryDocument): string[] {
  return [
    JSON.stringify(as === undefined ? [name === undefined ? 'folder' : 'name', name ?? folder, backend] : ['as', as]),
    ...(file === undefined ? [] : [JSON.stringify(['file', foldCase(file)])]),
    ...(env === undefined ? [] : [JSON.stringify(['env', env])]),
  ];
}

/** The backends of a file: those it names, the one of the short form, and those that need no settings. */
class BackendRegistry {
  readonly #file: YamlFile<SecretsDocument>;
  readonly #known = new Map<string, BackendDefinition>();
  readonly #used = new Set<string>();
  readonly #standard: string | undefined;

  constructor(file: YamlFile<SecretsDocument>, standard: string | undefined) {
    this.#file = file;
    const {config, backends = {}} = file.value;
    if (config !== undefined) {
      if (Object.hasOwn(backends, 'infisical')) {
        throw file.failure(['config'], 'is short for a backend named infisical, and there is one in backends.');
      }
      const {infisical_project_id: project, infisical_url: url} = config;
      const settings = {...(project === undefined ? {} : {project}), ...(url === undefined ? {} : {url})};
      this.#known.set('infisical', {name: 'infisical', type: 'infisical', settings});
    }
    for (const [name, {type, ...settings}] of Object.entries(backends)) this.#known.set(name, {name, type, settings});
    this.#standard = standard ?? (this.#known.size === 1 ? [...this.#known.keys()][0] : undefined);
  }

  of(name: string | undefined, at: YamlPath): BackendDefinition {
    const chosen = name ?? this.#standard;
    if (chosen === undefined) {
      throw this.#file.failure(at, 'has no backend.', 'set "backend:" here or at the top of the file');
    }
    const known = this.#known.get(chosen) ?? {name: chosen, type: chosen, settings: {}};
    this.#known.set(chosen, known);
    this.#used.add(chosen);
    return known;
  }

  /** In the order of the file: those that something is wanted of, or all where nothing is. */
  used(): BackendDefinition[] {
    return [...this.#known.values()].filter(({name}) => this.#used.size === 0 || this.#used.has(name));
  }
}

function wantedSecret(
  file: YamlFile<SecretsDocument>,
  registry: BackendRegistry,
  defaults: {readonly environment: string | undefined; readonly path: string},
  at: YamlPath,
  entry: EntryDocument,
): WantedSecret {
  const {name, folder, as} = entry;
  if ((name === undefined) === (folder === undefined)) {
    throw file.failure(
      at,
      name === undefined ? 'needs a name, or a folder.' : 'has a name and a folder: it takes one of them.',
    );
  }
  const whole = folder !== undefined;
  const foreign = (
    whole ? ['as', 'file', 'env', 'env-holds', 'default', 'path'] : ['files', 'env-prefix', 'exclude']
  ) as (keyof EntryDocument)[];
  const stray = foreign.find((key) => entry[key] !== undefined);
  if (stray !== undefined) {
    throw file.failure(
      [...at, stray],
      whole ? 'is for one secret, and this is a folder.' : 'is for a folder, and this is one secret.',
    );
  }
  const environment = entry.environment ?? defaults.environment;
  const target = whole ? entry.files : entry.file;
  const variable = whole ? entry['env-prefix'] : entry.env;
  const envHolds = entry['env-holds'] ?? (target !== undefined && !whole ? 'path' : 'value');
  if (envHolds === 'path' && target === undefined)
    throw file.failure([...at, 'env-holds'], 'is "path", but there is no file.');
  if (whole && target === undefined && variable === undefined) {
    throw file.failure(at, 'has no destination.', 'set files: DIRECTORY or env-prefix: PREFIX');
  }
  return {
    at,
    backend: registry.of(entry.backend, at),
    ...(environment === undefined ? {} : {environment}),
    path: folder ?? entry.path ?? defaults.path,
    recursive: entry.recursive ?? false,
    exclude: entry.exclude ?? [],
    ...(entry.content === undefined ? {} : {content: entry.content}),
    ...(name === undefined ? {} : {name, alias: as ?? name}),
    ...(target === undefined ? {} : {file: target}),
    ...(variable === undefined ? {} : {env: variable}),
    envHolds,
    mode: parseInt(entry.mode ?? defaultMode, 8),
    optional: entry.optional ?? false,
    ...(entry.default === undefined ? {} : {fallback: entry.default}),
  };
}

function wantedTemplate(file: YamlFile<SecretsDocument>, at: YamlPath, template: TemplateDocument): WantedTemplate {
  if ((template.template === undefined) === (template.text === undefined)) {
    throw file.failure(at, 'needs either template (a file) or text.');
  }
  return {
    at,
    file: template.file,
    ...(template.template === undefined ? {} : {source: template.template}),
    ...(template.text === undefined ? {} : {text: template.text}),
    ...(template.env === undefined ? {} : {env: template.env}),
    mode: parseInt(template.mode ?? defaultMode, 8),
  };
}

/** Names of files and variables: each possible, allowed, and there once; and no entry without use. */
function checkDestinations({file, secrets, templates, allowEnv}: Mapping, bridgeEnds: readonly string[]): void {
  const paths: string[] = [];
  const variables = new Set<string>();
  const aliases = new Set<string>();
  const usePath = (at: YamlPath, path: string, mode: number) => {
    const fault = faultOfVaultPath(path, bridgeEnds);
    if (fault !== undefined) throw file.failure(at, fault);
    if ((mode & 0o400) === 0) throw file.failure([...at.slice(0, -1), 'mode'], 'does not let you read the file.');
    const other = collidingPath(path, paths);
    if (other !== undefined)
      throw file.failure(at, other === path ? 'appears twice.' : `cannot be combined with ${other}.`);
    paths.push(path);
  };
  const useVariable = (at: YamlPath, name: string) => {
    const fault = faultOfVariable(name, allowEnv);
    if (fault !== undefined) throw file.failure(at, fault);
    if (variables.has(name)) throw file.failure(at, 'appears twice.');
    variables.add(name);
  };
  for (const wanted of secrets) {
    const whole = wanted.name === undefined;
    if (wanted.file !== undefined) {
      // Several folders of a store may go to one folder of the vault; their files are checked when they are known.
      const fault = whole ? faultOfVaultPath(wanted.file, bridgeEnds) : undefined;
      if (fault !== undefined) throw file.failure([...wanted.at, 'files'], fault);
      if (!whole) usePath([...wanted.at, 'file'], wanted.file, wanted.mode);
    }
    if (wanted.env !== undefined && !whole) useVariable([...wanted.at, 'env'], wanted.env);
    if (wanted.alias === undefined) continue;
    if (aliases.has(wanted.alias)) {
      throw file.failure(
        wanted.at,
        'has the same name as another one.',
        'give one of them a name of its own with "as:"',
      );
    }
    aliases.add(wanted.alias);
  }
  for (const template of templates) {
    usePath([...template.at, 'file'], template.file, template.mode);
    if (template.env !== undefined) useVariable([...template.at, 'env'], template.env);
    if (template.text !== undefined) parseTemplate(template.text, (why) => file.failure([...template.at, 'text'], why));
  }
  const idle =
    templates.length === 0 ? secrets.find((each) => each.file === undefined && each.env === undefined) : undefined;
  if (idle !== undefined) throw file.failure(idle.at, 'has no destination.', 'set file: PATH or env: NAME');
}
