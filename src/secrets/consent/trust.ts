import {readFileSync, rmSync} from 'node:fs';
import {join} from 'node:path';
import {printable} from '../../foundation/printable.ts';
import type {OpenedBackend} from '../backends/backends.ts';
import type {Mapping} from '../mapping/mapping.ts';
import {digestOf} from '../mapping/settings-digest.ts';
import {audit} from '../vault-directory/audit.ts';
import {makeOwnFolder, replaceOwnFile} from '../vault-directory/own-files.ts';

/*
 * A secrets.yml may have come with a cloned repository. What it asks for that reaches beyond the vault (a program that
 * is run, a file of the home that is read, a variable that changes how programs load) is agreed to by the user, once
 * for each such wording. The agreement lies in the vault: nothing outside can put one there.
 */

type Backends = ReadonlyMap<string, OpenedBackend>;

/** What a `secrets.yml` asks for that its user must agree to, a sentence each; none where there is nothing. */
export function demandsOf({allowEnv}: Mapping, backends: Backends): string[] {
  const ofBackends = [...backends.values()].flatMap(({definition, backend}) =>
    (backend.needsTrust?.(definition.settings) ?? []).map(
      (demand) => `backend ${definition.name}: ${printable(demand, 1000)}`,
    ),
  );
  return allowEnv.length === 0
    ? ofBackends
    : [...ofBackends, `sets ${allowEnv.join(', ')}, which change how programs load`];
}

/** Whether the user has agreed to this wording in this vault. */
export function isTrusted(mountPoint: string, mapping: Mapping, backends: Backends): boolean {
  return readTrusted(mountPoint).includes(digestOfDemands(mapping, backends));
}

/** Remembers that the user has agreed to this wording. */
export function rememberTrust(mountPoint: string, mapping: Mapping, backends: Backends): void {
  const digests = [...readTrusted(mountPoint), digestOfDemands(mapping, backends)];
  makeOwnFolder(join(mountPoint, '.tazpod'));
  replaceOwnFile(trustedPath(mountPoint), Buffer.from(`${JSON.stringify(digests)}\n`));
  audit(mountPoint, 'trust', [mapping.file.path]);
}

/** Takes every agreement back. */
export function forgetTrust(mountPoint: string): void {
  rmSync(trustedPath(mountPoint), {recursive: true, force: true});
}

/** The settings themselves: a sentence may leave something out. And the place, which relative paths are meant from. */
function digestOfDemands({file, allowEnv}: Mapping, backends: Backends): string {
  const demanding = [...backends.values()].filter(
    ({definition, backend}) => (backend.needsTrust?.(definition.settings).length ?? 0) > 0,
  );
  return digestOf([file.path, allowEnv, demanding.map(({definition}) => definition)]);
}

function readTrusted(mountPoint: string): string[] {
  try {
    const list = JSON.parse(readFileSync(trustedPath(mountPoint), 'utf8')) as unknown;
    return Array.isArray(list) ? list.filter((each): each is string => typeof each === 'string') : [];
  } catch {
    return [];
  }
}

function trustedPath(mountPoint: string): string {
  return join(mountPoint, '.tazpod/trusted.json');
}
