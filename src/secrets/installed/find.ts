import {readFileSync} from 'node:fs';
import {join} from 'node:path';
import {nearest} from '../../config/nearest.ts';
import {environmentDiffers, noSuchSecret, severalPlaces} from '../failures.ts';
import {parseEnvironment} from '../environment/environment-files.ts';
import {readRecord} from './generations.ts';

/**
 * The value of one pulled thing: the variable of that name, else the file of that path, else the one that a secret of
 * that name became. Throws a Failure (66) if nothing has that name, or (64) where it became several.
 */
export function readPulled(mountPoint: string, name: string): Buffer {
  const {kind, name: found} = findPulled(mountPoint, name);
  return kind === 'variable' ? readVariable(mountPoint, found) : readFileSync(join(mountPoint, found));
}

/** What a name stands for, without reading it. Throws as above. */
export function findPulled(
  mountPoint: string,
  name: string,
): {readonly kind: 'variable' | 'file'; readonly name: string} {
  const record = readRecord(mountPoint);
  const {files = [], variables = []} = record ?? {};
  const isPath = (variable: string) => files.some(({secrets}) => secrets.includes(variable));
  if (variables.some((each) => each.name === name)) return {kind: 'variable', name};
  if (files.some(({path}) => path === name)) return {kind: 'file', name};
  const ofSecret = [
    ...files.filter(({secrets}) => secrets.length === 1 && secrets[0] === name).map(({path}) => path),
    // A variable beside a file of the same secret has the file's path.
    ...(isPath(name) ? [] : variables.filter(({secrets}) => secrets.includes(name)).map((each) => each.name)),
  ];
  const [first, second] = ofSecret;
  if (second !== undefined) {
    throw severalPlaces(name, ofSecret);
  }
  if (first !== undefined) return findPulled(mountPoint, first);
  const meant = nearest(name, pulledNames(mountPoint));
  throw noSuchSecret(name, meant);
}

/** What can be named: the variables and the files of the last pull, without reading any. */
export function pulledNames(mountPoint: string): string[] {
  const {files = [], variables = []} = readRecord(mountPoint) ?? {};
  return [...variables.map(({name}) => name), ...files.map(({path}) => path)];
}

function readVariable(mountPoint: string, name: string): Buffer {
  const json = readFileSync(join(mountPoint, '.tazpod/environment/environment.json'));
  try {
    const found = parseEnvironment(json).find((each) => each.name === name);
    if (found === undefined) throw environmentDiffers();
    return Buffer.from(found.value);
  } finally {
    json.fill(0);
  }
}
