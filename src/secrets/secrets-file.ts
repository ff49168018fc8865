import {existsSync, statSync} from 'node:fs';
import {dirname, join, resolve} from 'node:path';
import {readText} from '../config/read-text.ts';
import {readYamlFile, type YamlFile} from '../config/yaml-file.ts';
import {noSecretsFile, secretsFileOfAnother} from './failures.ts';
import {type SecretsDocument, secretsSchema} from './mapping/secrets-schema.ts';

/** Where it is looked for in each folder, from the working folder upwards. */
const names = ['secrets.yml', '.tazpod/secrets.yml'];

/**
 * The `secrets.yml` that is meant: the one that was named, else the nearest one. Undefined if none exists. One that
 * belongs to somebody else is refused: it says what is fetched, from where, and into which variables.
 */
export function locateSecretsFile(named: string | undefined, workingFolder: string): string | undefined {
  if (named !== undefined) return owned(resolve(workingFolder, named));
  let foreign: string | undefined;
  for (let folder = workingFolder; ; folder = dirname(folder)) {
    const found = names.map((name) => join(folder, name)).filter((path) => existsSync(path));
    const ours = found.find(isOurs);
    if (ours !== undefined) return owned(ours);
    foreign ??= found[0];
    // If there is no other, its faults are reported.
    if (folder === dirname(folder)) return foreign === undefined ? undefined : owned(foreign);
  }
}

/**
 * False for a `secrets.yml` of another program, such as Rails or summon: it has keys at its top, and none of TazPod's.
 * What cannot be read, or looks otherwise, is taken for TazPod's, so that its faults are reported.
 */
function isOurs(path: string): boolean {
  let text: string;
  try {
    text = readText(path) ?? '';
  } catch {
    return true;
  }
  const keys = [...text.matchAll(/^["']?([^\s"'#:{[-][^"':]*?)["']?\s*:(?:\s|$)/gm)].map(([, key]) => key!);
  return keys.length === 0 || keys.some((key) => Object.hasOwn(secretsSchema.shape, key));
}

/** Reads the `secrets.yml` that is meant. Throws a Failure: 66 if it does not exist, 78 if it is invalid. */
export function readSecretsFile(named: string | undefined, workingFolder: string): YamlFile<SecretsDocument> {
  const path = locateSecretsFile(named, workingFolder);
  const file = path === undefined ? undefined : readYamlFile(path, secretsSchema);
  if (file !== undefined) return file;
  throw noSecretsFile(path);
}

function owned(path: string): string {
  const uid = process.getuid!();
  const stat = statSync(path, {throwIfNoEntry: false});
  if (stat === undefined || stat.uid === uid || stat.uid === 0) return path;
  throw secretsFileOfAnother(path);
}
