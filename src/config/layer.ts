import {dirname, resolve} from 'node:path';
import {isBelow} from '../foundation/path-within.ts';
import {type ConfigDocument, configSchema} from './config-schema.ts';
import {invalidVariable} from './failures.ts';
import type {YamlPath} from './json-schema.ts';
import {distrustProject, resolved} from './project-trust.ts';
import {sentenceOf} from './schema-sentence.ts';
import {variables} from './variables.ts';
import {readYamlFile} from './yaml-file.ts';

/** Where a value is from. */
export type Origin =
  | {readonly from: 'environment'; readonly variable: string}
  | {readonly from: 'project' | 'user'; readonly file: string; readonly line: number}
  | {readonly from: 'pack'; readonly plugin: string; readonly file: string; readonly line: number}
  | {readonly from: 'built-in'};

/** One place that the configuration comes from. Its paths are absolute. */
export type Layer = {
  readonly from: Origin['from'];
  readonly document: ConfigDocument;
  readonly origin: (path: YamlPath) => Origin;
};

/** What relative paths and `~/` in a file are meant from. */
export type Folders = {readonly relativeTo: string; readonly home: string};

/** A file as a layer. Undefined where it went away meanwhile. Throws a Failure (78). */
export function fileLayer(
  path: string,
  whose: {readonly from: 'project' | 'user'} | {readonly from: 'pack'; readonly plugin: string},
  {relativeTo, home}: Folders,
): Layer | undefined {
  const file = readYamlFile(path, configSchema, 'tazpod config schema config');
  if (file === undefined) return undefined;
  const document = withAbsolutePaths(file.value, {relativeTo, home});
  const mountPoint = document['mount-point'];
  if (mountPoint !== undefined && !isBelow(resolved(mountPoint), resolved(home))) {
    throw file.failure(['mount-point'], 'must be below your home directory.');
  }
  if (whose.from === 'project') {
    const [fault] = distrustProject(document, dirname(dirname(path)), home);
    if (fault !== undefined) throw file.failure(fault.path, fault.sentence);
  }
  return {from: whose.from, document, origin: (at) => ({...whose, file: path, line: file.position(at).line})};
}

/** The environment as a layer. Throws a Failure (78) that names the variable. A variable that is empty says nothing. */
export function environmentLayer(environment: NodeJS.ProcessEnv, folders: Folders): Layer | undefined {
  const said = Object.entries(variables).filter(([variable]) => Boolean(environment[variable]));
  if (said.length === 0) return undefined;
  let document: ConfigDocument = {};
  for (const [variable, [key, inner]] of said) {
    const value = inner === undefined ? environment[variable] : {[inner]: environment[variable]};
    const checked = configSchema.safeParse({[key]: value}, {error: sentenceOf});
    if (!checked.success) {
      throw invalidVariable(variable, checked.error.issues[0]!.message);
    }
    document = {...document, ...checked.data};
  }
  const variableOf = (path: YamlPath) => said.find(([, steps]) => steps.every((step, at) => step === path[at]))![0];
  return {
    from: 'environment',
    document: withAbsolutePaths(document, folders),
    origin: (path) => ({from: 'environment', variable: variableOf(path)}),
  };
}

function withAbsolutePaths(document: ConfigDocument, {relativeTo, home}: Folders): ConfigDocument {
  const absolute = (path: string) =>
    path === '~' || path.startsWith('~/') ? resolve(home, `.${path.slice(1)}`) : resolve(relativeTo, path);
  const {image, 'mount-point': mountPoint} = document;
  return {
    ...document,
    ...(image === undefined ? {} : {image: absolute(image)}),
    ...(mountPoint === undefined ? {} : {'mount-point': absolute(mountPoint)}),
  };
}
