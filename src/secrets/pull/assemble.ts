import {join, resolve} from 'node:path';
import {printable} from '../../foundation/printable.ts';
import {readText} from '../../config/read-text.ts';
import type {Secret} from '../../contract/index.ts';
import type {Failure} from '../../foundation/failure.ts';
import {environmentTooLong, sameTarget, secretRefused, secretsMissing} from '../failures.ts';
import {renderEnvironment} from '../environment/environment-files.ts';
import type {FetchedFolder} from './fetch.ts';
import type {NewFile, NewSet, NewVariable} from '../installed/new-set.ts';
import type {Mapping, WantedSecret, WantedTemplate} from '../mapping/mapping.ts';
import {excluder} from '../mapping/exclude.ts';
import {namesIn, parseTemplate, renderTemplate} from '../mapping/template.ts';
import {faultOfVariable} from '../mapping/variable-name.ts';
import {needsFilter} from '../mapping/template-need.ts';
import {collidingPath, faultOfVaultPath, foldCase} from '../mapping/vault-path.ts';

/** What execve(2) takes: of one variable, MAX_ARG_STRLEN with name and end; of all, well within ARG_MAX of 2 MiB. */
const variableLimitBytes = 128 * 1024 - 1;
const environmentLimitBytes = 1024 * 1024;

/** What a mapping and the answers of the stores come to. */
export type Assembled = {
  readonly set: NewSet;
  /** Names of optional secrets that are not there. */
  readonly absent: readonly string[];
  /** What optional folders have that could not be pulled. */
  readonly leftOut: readonly LeftOut[];
  /** What a user should look at, on one line each, without a value. */
  readonly warnings: readonly string[];
};

/** A secret of an optional folder that cannot be a file or a variable, with the reason as the end of a sentence. */
export type LeftOut = {readonly backend: string; readonly secret: string; readonly why: string};

/** Where a file or variable comes from that may be left out. */
type Source = {readonly wanted: WantedSecret; readonly name: string};

export type AssembleOptions = {
  readonly mountPoint: string;
  readonly now: Date;
  readonly bridgeEnds?: readonly string[];
};

/**
 * Puts every value in its place. Nothing passes silently: throws a Failure with the names of all secrets that are
 * missing (66), of two that have one name in folders of one folder (65), of what cannot be a file or a variable (65).
 */
export function assemble(mapping: Mapping, folders: readonly FetchedFolder[], options: AssembleOptions): Assembled {
  const assembly = new Assembly(mapping, options);
  for (const {request, secrets} of folders) {
    for (const wanted of request.wanted) {
      if (wanted.name === undefined) assembly.addFolder(wanted, secrets);
      else
        assembly.addSecret(
          wanted,
          secrets.filter(({name}) => name === wanted.name),
        );
    }
  }
  for (const template of mapping.templates) assembly.addTemplate(template);
  return assembly.finish(folders);
}

class Assembly {
  readonly #mapping: Mapping;
  readonly #options: AssembleOptions;
  readonly #files: NewFile[] = [];
  readonly #variables: NewVariable[] = [];
  /** By what templates call them. */
  readonly #values = new Map<string, Uint8Array>();
  readonly #missing: WantedSecret[] = [];
  readonly #absent: string[] = [];
  readonly #leftOut: LeftOut[] = [];
  readonly #warnings: string[] = [];
  /** Of files and variables that came out of an optional folder. */
  readonly #optional = new Map<NewFile | NewVariable, Source>();

  constructor(mapping: Mapping, options: AssembleOptions) {
    this.#mapping = mapping;
    this.#options = options;
  }

  addSecret(wanted: WantedSecret, found: readonly Secret[]): void {
    const name = wanted.name!;
    if (found.length > 1) {
      throw secretRefused(
        name,
        wanted.backend.name,
        `is in several folders below ${printable(wanted.path)}.`,
        'set path: FOLDER, without recursive',
      );
    }
    const value = found[0]?.value ?? (wanted.fallback === undefined ? undefined : Buffer.from(wanted.fallback));
    if (value === undefined) {
      if (wanted.optional) this.#absent.push(name);
      else this.#missing.push(wanted);
      return;
    }
    this.#values.set(wanted.alias!, value);
    this.#place(wanted, name, wanted.file, wanted.env, value);
  }

  addFolder(wanted: WantedSecret, found: readonly Secret[]): void {
    if (found.length === 0 && !wanted.optional) this.#missing.push(wanted);
    const isExcluded = excluder(wanted.exclude, wanted.path);
    for (const {name, path, value} of found.filter((secret) => !isExcluded(secret))) {
      const below = path === wanted.path ? '' : path.slice(wanted.path === '/' ? 1 : wanted.path.length + 1);
      const file =
        wanted.file === undefined ? undefined : [wanted.file, ...(below === '' ? [] : [below]), name].join('/');
      if (!this.#values.has(name)) this.#values.set(name, value);
      this.#place(wanted, name, file, wanted.env === undefined ? undefined : `${wanted.env}${name}`, value);
    }
  }

  addTemplate(template: WantedTemplate): void {
    const {file} = this.#mapping;
    const at = [...template.at, template.text === undefined ? 'template' : 'text'];
    const text = template.text ?? readText(resolve(this.#mapping.projectFolder, template.source!));
    if (text === undefined) throw file.failure(at, 'does not exist.');
    const parsed = parseTemplate(text, (why) => file.failure(at, why));
    const names = namesIn(parsed);
    const known = this.#mapping.secrets.flatMap(({alias}) => alias ?? []);
    const stray = [...names.values, ...names.asked].find((name) => !this.#values.has(name) && !known.includes(name));
    if (stray !== undefined) {
      throw file.failure(
        at,
        `asks for ${printable(stray)}, which is not pulled.`,
        'name it in secrets:, with optional: true if it may be missing',
      );
    }
    const bytes = renderTemplate(parsed, this.#values, {
      missing: (name) => {
        if (this.#missing.some(({alias}) => alias === name)) return;
        throw file.failure(
          at,
          `needs ${printable(name)}, which does not exist.`,
          `put {{#${name}}}…{{/${name}}} around it`,
        );
      },
      unfit: (name, filter, why) =>
        file.failure(
          at,
          `cannot write ${printable(name)} as ${filter}: ${why}.`,
          'use the filter base64, or a separate file',
        ),
      plain: (name, value, before, after) => {
        const filter = needsFilter(template.file, value, before, after);
        if (filter === undefined) return;
        this.#warnings.push(
          `${printable(template.file)}: the value of ${printable(name)} breaks the file as it is; ` +
            `write {{${printable(name)} | ${filter}}} without quotes around it`,
        );
      },
    });
    this.#files.push({path: template.file, mode: template.mode, bytes, secrets: names.values});
    if (template.env !== undefined) this.#addPath(template.env, template.file, names.values);
  }

  finish(folders: readonly FetchedFolder[]): Assembled {
    if (this.#missing.length > 0) throw missingFailure(this.#missing);
    this.#leaveOutCollisions();
    this.#check();
    const {file, profile} = this.#mapping;
    return {
      set: {
        pulled: this.#options.now.toISOString(),
        source: file.path,
        ...(profile === undefined ? {} : {profile}),
        files: this.#files,
        variables: this.#variables,
        environment: renderEnvironment(this.#variables),
        answers: folders.map(({request: {key}, stored}) => ({key, bytes: stored})),
      },
      absent: this.#absent,
      leftOut: this.#leftOut,
      warnings: this.#warnings,
    };
  }

  #place(
    wanted: WantedSecret,
    name: string,
    file: string | undefined,
    env: string | undefined,
    value: Uint8Array,
  ): void {
    const fault = this.#faultOf(wanted, name, file, env, value);
    const source = wanted.optional && wanted.name === undefined ? {wanted, name} : undefined;
    if (fault !== undefined) {
      if (source === undefined) throw secretRefused(name, wanted.backend.name, fault.sentence, fault.next);
      this.#leftOut.push({backend: wanted.backend.name, secret: name, why: fault.sentence});
      return;
    }
    const secrets = [name];
    if (file !== undefined) {
      const made = {path: file, mode: wanted.mode, bytes: value, secrets};
      this.#files.push(made);
      if (source !== undefined) this.#optional.set(made, source);
    }
    if (env === undefined) return;
    if (wanted.envHolds === 'path') return this.#addPath(env, file!, secrets);
    const made = {name: env, value, secrets};
    this.#variables.push(made);
    if (source !== undefined) this.#optional.set(made, source);
  }

  /** Why a secret cannot be where it is wanted, as the end of a sentence. */
  #faultOf(
    wanted: WantedSecret,
    name: string,
    file: string | undefined,
    env: string | undefined,
    value: Uint8Array,
  ): {readonly sentence: string; readonly next?: string} | undefined {
    const whole = wanted.name === undefined;
    const leaveOut = whole
      ? {next: `leave it out with exclude: [${JSON.stringify(printable(name))}], or set optional: true`}
      : {};
    const toFile = whole ? leaveOut : {next: 'use file: instead of env:'};
    if (file !== undefined) {
      // A name with a slash would be a file in a folder that the store does not have.
      if (whole && name.includes('/')) return {sentence: 'is not a valid file name.', ...leaveOut};
      const fault = faultOfVaultPath(file, this.#options.bridgeEnds);
      if (fault !== undefined) return {sentence: `as a file of the vault ${fault}`, ...leaveOut};
    }
    if (env === undefined) return undefined;
    const fault = faultOfVariable(env, this.#mapping.allowEnv);
    if (fault !== undefined) return {sentence: `as a variable ${fault}`, ...leaveOut};
    if (wanted.envHolds === 'path') return undefined;
    if (value.includes(0)) return {sentence: 'has a NUL in it, which no variable can hold.', ...toFile};
    if (env.length + value.length + 2 > variableLimitBytes)
      return {sentence: 'is too long for a variable: no program could start.', ...toFile};
    return undefined;
  }

  #addPath(name: string, file: string, secrets: readonly string[]): void {
    this.#variables.push({name, value: Buffer.from(join(this.#options.mountPoint, file)), secrets});
  }

  /**
   * Leaves out what optional folders have twice, or where something else must be. Of two such secrets none is taken:
   * which one is meant cannot be known.
   */
  #leaveOutCollisions(): void {
    if (this.#optional.size === 0) return;
    const paths = new Map<string, number>();
    const folders = new Set<string>();
    const names = new Map<string, number>();
    const parentsOf = (path: string) => {
      const parts = path.split('/');
      return parts.slice(1).map((_, index) => parts.slice(0, index + 1).join('/'));
    };
    for (const {path} of this.#files) {
      const folded = foldCase(path);
      paths.set(folded, (paths.get(folded) ?? 0) + 1);
      for (const parent of parentsOf(folded)) folders.add(parent);
    }
    for (const {name} of this.#variables) names.set(name, (names.get(name) ?? 0) + 1);
    const collides = (made: NewFile | NewVariable) => {
      if ('name' in made) return names.get(made.name)! > 1;
      const folded = foldCase(made.path);
      return paths.get(folded)! > 1 || folders.has(folded) || parentsOf(folded).some((parent) => paths.has(parent));
    };
    const isKept = (made: NewFile | NewVariable) => {
      const source = this.#optional.get(made);
      if (source === undefined || !collides(made)) return true;
      const why =
        'name' in made
          ? `the variable ${made.name} is defined twice.`
          : `the file ${printable(made.path)} is defined twice.`;
      this.#leftOut.push({backend: source.wanted.backend.name, secret: source.name, why});
      return false;
    };
    this.#files.splice(0, Infinity, ...this.#files.filter(isKept));
    this.#variables.splice(0, Infinity, ...this.#variables.filter(isKept));
  }

  /** What could only be known with the names of the secrets of whole folders. */
  #check(): void {
    const seen = new Map<string, string>();
    for (const {path} of this.#files) {
      const folded = foldCase(path);
      const prefixes = folded.split('/').map((_, index, names) => names.slice(0, index + 1).join('/'));
      const other = prefixes.map((each) => seen.get(each)).find((each) => each !== undefined);
      if (other !== undefined) throw sameTarget(`the file ${printable(path, 400)}`, printable(other, 400));
      seen.set(folded, path);
    }
    for (const {path} of this.#files) {
      const folder = path.split('/').slice(0, -1).join('/');
      const other = folder === '' ? undefined : collidingPathAbove(folder, seen);
      if (other !== undefined) throw sameTarget(`the file ${printable(path, 400)}`, printable(other, 400));
    }
    const names = new Set<string>();
    for (const {name} of this.#variables) {
      if (names.has(name)) throw sameTarget(`the variable ${name}`, 'another one');
      names.add(name);
    }
    const total = this.#variables.reduce((sum, {name, value}) => sum + name.length + value.length + 2, 0);
    if (total <= environmentLimitBytes) return;
    throw environmentTooLong(total, environmentLimitBytes);
  }
}

/** A file that is where a folder must be. */
function collidingPathAbove(folder: string, seen: ReadonlyMap<string, string>): string | undefined {
  const names = foldCase(folder).split('/');
  const above = names.map((_, index) => seen.get(names.slice(0, index + 1).join('/')));
  return above.find((each) => each !== undefined && collidingPath(folder, [each]) !== undefined);
}

function missingFailure(missing: readonly WantedSecret[]): Failure {
  const names = missing.map(({name, path, backend, environment}) => {
    const place = `${backend.name}:${environment === undefined ? '' : `${environment}:`}${path}`;
    return name === undefined ? `everything in ${printable(place)}` : `${printable(name)} (${printable(place)})`;
  });
  const pathLike = missing.find(({name}) => /[^/]\/[^/]/.test(name ?? ''))?.name;
  return secretsMissing(names, pathLike);
}
