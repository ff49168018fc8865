import {lstatSync, readFileSync} from 'node:fs';
import {join} from 'node:path';
import {readRecord} from './generations.ts';
import type {Mapping} from '../mapping/mapping.ts';
import {digestWith} from './record.ts';

/** One file or variable, an element of the `result` of `secrets list --json`. */
export type PulledState = {
  readonly kind: 'file' | 'variable';
  /** A path of the vault, or the name of a variable. */
  readonly name: string;
  /**
   * `pulled`; `edited`: its content is another one here; `gone`: it was pulled, and somebody has removed it; `wanted`:
   * `secrets.yml` names it, and it was not pulled yet; `unwanted`: `secrets.yml` no longer names it.
   */
  readonly state: 'pulled' | 'edited' | 'gone' | 'wanted' | 'unwanted';
  /** The names of the secrets in it, as their stores call them. */
  readonly secrets: readonly string[];
  readonly sizeBytes?: number;
};

/** What was pulled into a vault, and what a mapping wants, without a value. */
export function listPulled(mountPoint: string, mapping: Mapping | undefined): PulledState[] {
  const record = readRecord(mountPoint);
  const wanted = mapping && wantedNames(mapping);
  const states: PulledState[] = [];
  for (const {path, sizeBytes, digest, secrets} of record?.files ?? []) {
    const bytes = contentOf(join(mountPoint, path));
    const content = bytes === undefined ? 'gone' : digestWith(record!.salt, bytes) === digest ? 'pulled' : 'edited';
    bytes?.fill(0);
    const state = wanted?.hasFile(path) === false ? 'unwanted' : content;
    states.push({kind: 'file', name: path, state, secrets, sizeBytes});
  }
  for (const {name, sizeBytes, secrets} of record?.variables ?? []) {
    const state = wanted?.hasVariable(name) === false ? 'unwanted' : 'pulled';
    states.push({kind: 'variable', name, state, secrets, sizeBytes});
  }
  const known = new Set(states.map(({kind, name}) => `${kind} ${name}`));
  const more = (wanted?.named ?? []).filter(({kind, name}) => !known.has(`${kind} ${name}`));
  return [...states, ...more.map((each) => ({...each, state: 'wanted' as const}))];
}

/** What is known of a mapping without asking a store: the names of whole folders are not. */
function wantedNames({secrets, templates}: Mapping) {
  const named = [...secrets, ...templates.map((template) => ({...template, name: template.file}))].flatMap(
    ({name, file, env}) =>
      name === undefined
        ? []
        : [
            ...(file === undefined ? [] : [{kind: 'file' as const, name: file, secrets: [name]}]),
            ...(env === undefined ? [] : [{kind: 'variable' as const, name: env, secrets: [name]}]),
          ],
  );
  const folders = secrets.filter(({name}) => name === undefined);
  const has = (kind: string, name: string) => named.some((each) => each.kind === kind && each.name === name);
  return {
    named,
    hasFile: (path: string) =>
      has('file', path) || folders.some(({file}) => file !== undefined && path.startsWith(`${file}/`)),
    hasVariable: (name: string) =>
      has('variable', name) || folders.some(({env}) => env !== undefined && name.startsWith(env)),
  };
}

function contentOf(path: string): Buffer | undefined {
  try {
    return lstatSync(path, {throwIfNoEntry: false}) === undefined ? undefined : readFileSync(path);
  } catch {
    return undefined;
  }
}
