import {createHash} from 'node:crypto';
import {readFileSync, rmSync} from 'node:fs';
import {join} from 'node:path';
import {printable} from '../../config/printable.ts';
import type {OpenedBackend} from '../backends/backends.ts';
import {realFileOperations} from '../vault-directory/file-operations.ts';
import type {Mapping} from '../mapping/mapping.ts';
import {canonicalJson, makeOwnFolder} from '../vault-directory/private-store.ts';

/*
 * A secrets.yml may have come with a cloned repository. What it asks for that reaches beyond the vault (a program that
 * is run, a file of the home that is read, a variable that changes how programs load) is agreed to by the user, once
 * for each such wording. The agreement lies in the vault: nothing outside can put one there.
 */

/** What a `secrets.yml` asks for that its user must agree to, a sentence each; none where there is nothing. */
export function demandsOf(mapping: Mapping, backends: Iterable<OpenedBackend>): string[] {
  const ofBackends = [...backends].flatMap(({definition, backend}) =>
    (backend.needsTrust?.(definition.settings) ?? []).map(
      (demand) => `backend ${definition.name}: ${printable(demand, 1000)}`,
    ),
  );
  const {allowEnv} = mapping;
  return allowEnv.length === 0
    ? ofBackends
    : [...ofBackends, `sets ${allowEnv.join(', ')}, which change how programs load`];
}

/** Remembers and recalls agreements. */
export class Trust {
  readonly #folder: string;
  readonly #digest: string;

  constructor(mountPoint: string, mapping: Mapping, backends: Iterable<OpenedBackend>) {
    this.#folder = join(mountPoint, '.tazpod');
    const demanding = [...backends].filter(
      ({definition, backend}) => (backend.needsTrust?.(definition.settings).length ?? 0) > 0,
    );
    // The settings themselves: a sentence may leave something out. And the place, which relative paths are meant from.
    const parts = [mapping.file.path, mapping.allowEnv, demanding.map(({definition}) => definition)];
    this.#digest = createHash('sha256').update(canonicalJson(parts)).digest('hex');
  }

  isGiven(): boolean {
    return this.#read().includes(this.#digest);
  }

  give(): void {
    const operations = realFileOperations;
    makeOwnFolder(this.#folder);
    const next = join(this.#folder, `trusted.${process.pid}`);
    operations.writeFile(next, Buffer.from(`${JSON.stringify([...this.#read(), this.#digest])}\n`), 0o600);
    operations.syncFile(next);
    operations.rename(next, join(this.#folder, 'trusted.json'));
  }

  #read(): string[] {
    try {
      const list = JSON.parse(readFileSync(join(this.#folder, 'trusted.json'), 'utf8')) as unknown;
      return Array.isArray(list) ? list.filter((each): each is string => typeof each === 'string') : [];
    } catch {
      return [];
    }
  }
}

/** Takes every agreement back. */
export function forgetTrust(mountPoint: string): void {
  rmSync(join(mountPoint, '.tazpod/trusted.json'), {recursive: true, force: true});
}
