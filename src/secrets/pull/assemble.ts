import {join, resolve} from 'node:path';
import {printable} from '../../config/printable.ts';
import {readText} from '../../config/read-text.ts';
import type {Secret} from '../../contract/index.ts';
import {exitCode} from '../../lifecycle/exit-code.ts';
import {Failure} from '../../lifecycle/failure.ts';
import {renderEnvironment} from '../session/environment-files.ts';
import type {FetchedFolder} from './fetch.ts';
import type {NewFile, NewSet, NewVariable} from './generations.ts';
import type {Mapping, WantedSecret, WantedTemplate} from '../mapping/mapping.ts';
import {namesIn, parseTemplate, renderTemplate} from '../mapping/template.ts';
import {faultOfVariable} from '../mapping/variable-name.ts';
import {collidingPath, faultOfVaultPath, foldCase} from '../mapping/vault-path.ts';

/** What execve(2) takes: of one variable, MAX_ARG_STRLEN with name and end; of all, well within ARG_MAX of 2 MiB. */
const variableLimitBytes = 128 * 1024 - 1;
const environmentLimitBytes = 1024 * 1024;

/** What a mapping and the answers of the stores come to. */
export type Assembled = {
  readonly set: NewSet;
  /** Names of optional secrets that are not there. */
  readonly absent: readonly string[];
};

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

  constructor(mapping: Mapping, options: AssembleOptions) {
    this.#mapping = mapping;
    this.#options = options;
  }

  addSecret(wanted: WantedSecret, found: readonly Secret[]): void {
    const name = wanted.name!;
    if (found.length > 1) {
      throw refused(
        wanted,
        name,
        `is in several folders below ${printable(wanted.path)}.`,
        'say which with path: FOLDER, without recursive',
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
    for (const {name, path, value} of found) {
      const below = path === wanted.path ? '' : path.slice(wanted.path === '/' ? 1 : wanted.path.length + 1);
      const file =
        wanted.file === undefined ? undefined : [wanted.file, ...(below === '' ? [] : [below]), name].join('/');
      // A name with a slash would be a file in a folder that the store does not have.
      if (file !== undefined && name.includes('/')) throw refused(wanted, name, 'cannot be the name of a file.');
      if (!this.#values.has(name)) this.#values.set(name, value);
      this.#place(wanted, name, file, wanted.env === undefined ? undefined : `${wanted.env}${name}`, value);
    }
  }

  addTemplate(template: WantedTemplate): void {
    const {file} = this.#mapping;
    const at = [...template.at, template.text === undefined ? 'template' : 'text'];
    const text = template.text ?? readText(resolve(this.#mapping.projectFolder, template.source!));
    if (text === undefined) throw file.failure(at, 'is not there.');
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
    const bytes = renderTemplate(parsed, this.#values, (name) => {
      if (this.#missing.some(({alias}) => alias === name)) return;
      throw file.failure(
        at,
        `needs ${printable(name)}, which is not there.`,
        `put {{#${name}}}…{{/${name}}} around it`,
      );
    });
    this.#files.push({path: template.file, mode: template.mode, bytes, secrets: names.values});
    if (template.env !== undefined) this.#addPath(template.env, template.file, names.values);
  }

  finish(folders: readonly FetchedFolder[]): Assembled {
    if (this.#missing.length > 0) throw missingFailure(this.#missing);
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
    };
  }

  #place(
    wanted: WantedSecret,
    name: string,
    file: string | undefined,
    env: string | undefined,
    value: Uint8Array,
  ): void {
    const secrets = [name];
    if (file !== undefined) {
      const fault = faultOfVaultPath(file, this.#options.bridgeEnds);
      if (fault !== undefined) throw refused(wanted, name, `as a file of the vault ${fault}`);
      this.#files.push({path: file, mode: wanted.mode, bytes: value, secrets});
    }
    if (env === undefined) return;
    const fault = faultOfVariable(env, this.#mapping.allowEnv);
    if (fault !== undefined) throw refused(wanted, name, `as a variable ${fault}`);
    if (wanted.envHolds === 'path') return this.#addPath(env, file!, secrets);
    if (value.includes(0))
      throw refused(wanted, name, 'has a NUL in it, which no variable can hold.', 'give it a file: instead of env:');
    if (env.length + value.length + 2 > variableLimitBytes) {
      throw refused(
        wanted,
        name,
        'is too long for a variable: no program could be started.',
        'give it a file: instead of env:',
      );
    }
    this.#variables.push({name: env, value, secrets});
  }

  #addPath(name: string, file: string, secrets: readonly string[]): void {
    this.#variables.push({name, value: Buffer.from(join(this.#options.mountPoint, file)), secrets});
  }

  /** What could only be known with the names of the secrets of whole folders. */
  #check(): void {
    const seen = new Map<string, string>();
    for (const {path} of this.#files) {
      const folded = foldCase(path);
      const prefixes = folded.split('/').map((_, index, names) => names.slice(0, index + 1).join('/'));
      const other = prefixes.map((each) => seen.get(each)).find((each) => each !== undefined);
      if (other !== undefined) throw twice(`the file ${printable(path, 400)}`, printable(other, 400));
      seen.set(folded, path);
    }
    for (const {path} of this.#files) {
      const folder = path.split('/').slice(0, -1).join('/');
      const other = folder === '' ? undefined : collidingPathAbove(folder, seen);
      if (other !== undefined) throw twice(`the file ${printable(path, 400)}`, printable(other, 400));
    }
    const names = new Set<string>();
    for (const {name} of this.#variables) {
      if (names.has(name)) throw twice(`the variable ${name}`, 'another one');
      names.add(name);
    }
    const total = this.#variables.reduce((sum, {name, value}) => sum + name.length + value.length + 2, 0);
    if (total <= environmentLimitBytes) return;
    throw new Failure(exitCode.data, 'All variables together are too long: no program could be started.', {
      why: `They have ${total} bytes, and ${environmentLimitBytes} can be.`,
      next: 'give the long ones a file: instead of env:',
    });
  }
}

/** A file that is where a folder must be. */
function collidingPathAbove(folder: string, seen: ReadonlyMap<string, string>): string | undefined {
  const names = foldCase(folder).split('/');
  const above = names.map((_, index) => seen.get(names.slice(0, index + 1).join('/')));
  return above.find((each) => each !== undefined && collidingPath(folder, [each]) !== undefined);
}

function twice(what: string, other: string): Failure {
  return new Failure(exitCode.data, `Two secrets want ${what}.`, {
    why: `The other one is ${other}; large and small letters are taken for the same.`,
    next: 'give one of them another place in secrets.yml',
  });
}

function refused(wanted: WantedSecret, name: string, sentence: string, next?: string): Failure {
  return new Failure(
    exitCode.data,
    `The secret ${printable(name)} of ${wanted.backend.name} ${sentence}`,
    next === undefined ? {} : {next},
  );
}

function missingFailure(missing: readonly WantedSecret[]): Failure {
  const names = missing.map(({name, path, backend, environment}) => {
    const place = `${backend.name}:${environment === undefined ? '' : `${environment}:`}${path}`;
    return name === undefined ? `everything in ${printable(place)}` : `${printable(name)} (${printable(place)})`;
  });
  const told = names.slice(0, 10).join(', ');
  const more = names.length > 10 ? `, and ${names.length - 10} more` : '';
  return new Failure(exitCode.noInput, `The store does not have ${told}${more}.`, {
    why: 'Nothing was changed.',
    next: 'put it there, or say optional: true in secrets.yml',
  });
}
