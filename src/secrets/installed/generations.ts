import {randomBytes} from 'node:crypto';
import {type Dirent, lstatSync, readdirSync, readFileSync, readlinkSync} from 'node:fs';
import {dirname, join, relative} from 'node:path';
import {editedSincePull, targetTaken, vaultFull, vaultReadOnly} from '../failures.ts';
import {type EnvironmentFile} from '../environment/environment-files.ts';
import {type FileOperations, realFileOperations} from '../vault-directory/file-operations.ts';
import {digestWith, parseRecord, type PulledFile, type PulledRecord, type PulledVariable} from './record.ts';
import {faultOfVaultPath} from '../mapping/vault-path.ts';

/*
 * How a pull is one transaction.
 *
 * Each pull writes a generation, a folder of its own: `.tazpod/pulled/7/` with `files/`, `environment/`, `folders/` (what
 * the stores answered) and `pulled.json`. The link `.tazpod/pulled/current` names the one that holds. Where the user
 * looks for a file there is a relative link through `current`:
 *
 *     kube/config → ../.tazpod/pulled/current/files/kube/config
 *
 * A new generation is written and synced, links are made for the names that are new, and then one rename(2) of `current`
 * switches all files, all variables and the record over together. Before it a new name's link leads nowhere, which
 * open(2) cannot tell from a name that is not there; after it the same is true of a name that went. So at every moment,
 * also for a program that reads in the middle of a pull, the set is the old or the new one; no journal is needed and
 * nothing must be rolled forward. Links that lead nowhere, and generations that do not hold, are swept away by the
 * pull that left them, or by the next.
 *
 * Regular files at the user's paths would have to be renamed one by one: a reader, and a process after a kill, would
 * see some of each set until somebody finishes the work.
 */

/** What a pull wants in the vault. The caller wipes the bytes. */
export type NewFile = {
  readonly path: string;
  readonly mode: number;
  readonly bytes: Uint8Array;
  readonly secrets: readonly string[];
};

export type NewVariable = {readonly name: string; readonly value: Uint8Array; readonly secrets: readonly string[]};

export type NewSet = {
  readonly pulled: string;
  readonly source: string;
  readonly profile?: string;
  readonly files: readonly NewFile[];
  readonly variables: readonly NewVariable[];
  /** The variables as files. */
  readonly environment: readonly EnvironmentFile[];
  /** What the stores answered, by a name for each folder of theirs. */
  readonly answers: readonly {readonly key: string; readonly bytes: Uint8Array}[];
};

export type InstallOptions = {
  /** Take the store's side where a file was changed here and there. */
  readonly overwrite?: boolean;
  readonly operations?: FileOperations;
};

/** What an installed set changed; paths and names of variables. */
export type Installed = {
  readonly changed: boolean;
  /** Files that were edited here, and whose secret is as it was: they are left so. */
  readonly kept: readonly string[];
};

/** What a pull would change of one file or variable. */
export type Difference = {
  readonly kind: 'file' | 'variable';
  readonly name: string;
  readonly change: 'added' | 'changed' | 'removed' | 'edited here';
  readonly oldSizeBytes?: number;
  readonly newSizeBytes?: number;
  /** The beginnings of keyed digests: they are comparable within this vault only. */
  readonly oldDigest?: string;
  readonly newDigest?: string;
};

/** The generations of one vault. All calls are synchronous; the caller holds the lock where it writes. */
export class Generations {
  readonly #mountPoint: string;
  readonly #known: boolean;
  readonly #own: string;
  readonly #folder: string;

  /** @param known false: what is here was not pulled by this account; it is replaced, and not believed */
  constructor(mountPoint: string, known = true) {
    this.#mountPoint = mountPoint;
    this.#known = known;
    this.#own = join(mountPoint, '.tazpod');
    this.#folder = join(this.#own, 'pulled');
  }

  /** The record of the generation that holds. Undefined where nothing was pulled. */
  record(): PulledRecord | undefined {
    const number = this.#current();
    return number === undefined ? undefined : this.#recordOf(number);
  }

  /** What a store answered when the generation that holds was pulled. */
  answer(key: string): Buffer | undefined {
    const number = this.#known ? this.#current() : undefined;
    return number === undefined ? undefined : readIfThere(join(this.#folder, String(number), 'folders', key));
  }

  /** Puts the variables of the generation that holds back within reach, after they were withheld from a session. */
  linkEnvironment(operations: FileOperations = realFileOperations): void {
    for (const [name, target] of ownLinks) {
      const path = join(this.#own, name);
      if (lstatSync(path, {throwIfNoEntry: false}) === undefined) operations.makeLink(target, path);
    }
  }

  /** What `install` would do, without doing it. */
  compare(next: NewSet): Difference[] {
    const record = this.record();
    const salt = record?.salt ?? randomBytes(32).toString('hex');
    const {files, variables} = described(next, salt);
    const edited = this.#edited(record);
    return [
      ...differences('file', asNamed(record?.files), asNamed(files), (path) => edited.has(path)),
      ...differences('variable', record?.variables ?? [], variables, () => false),
    ];
  }

  /**
   * Makes this set the one that holds. Throws a Failure (73) that names the file where something of the user's is in
   * the way, or where the vault is full; nothing has changed then.
   */
  install(next: NewSet, options: InstallOptions = {}): Installed {
    try {
      return this.#install(next, options);
    } catch (error) {
      throw asFailure(error);
    }
  }

  /** When a pull last found that what is here is what the stores have. */
  lastChecked(): Date | undefined {
    const text = readIfThere(join(this.#folder, 'checked'))?.toString('latin1') ?? this.record()?.pulled;
    const time = Date.parse(text ?? '');
    return Number.isNaN(time) ? undefined : new Date(time);
  }

  markChecked(now: Date, operations: FileOperations = realFileOperations): void {
    const next = join(this.#folder, 'next');
    try {
      operations.writeFile(next, Buffer.from(now.toISOString()), 0o600);
      operations.syncFile(next);
      operations.rename(next, join(this.#folder, 'checked'));
    } catch (error) {
      throw asFailure(error);
    }
  }

  #install(next: NewSet, {overwrite = false, operations = realFileOperations}: InstallOptions): Installed {
    this.#prepareFolders(operations);
    this.sweep(operations);
    const record = this.record();
    const salt = record?.salt ?? randomBytes(32).toString('hex');
    const {files, variables} = described(next, salt);
    const edited = overwrite ? new Map<string, Edit>() : this.#edited(record);
    const kept = this.#settle(record, files, edited);
    const detached = new Set(kept.filter((path) => edited.get(path)!.at === 'path'));
    this.#checkTargets(record, files, overwrite ? 'overwrite' : detached);
    const unchanged =
      record !== undefined &&
      sameJson(
        [record.files, record.variables, record.source, record.profile],
        [files, variables, next.source, next.profile],
      ) &&
      !overwrite &&
      this.#known &&
      next.answers.every(({key, bytes}) => this.#hasAnswer(key, bytes));
    if (unchanged && this.#allLinked(files, detached)) return {changed: false, kept};

    const number = Math.max(0, ...this.#numbers()) + 1;
    const made: string[] = [];
    try {
      const folders = [...new Set([...(record?.folders ?? []), ...this.#missingFolders(files)])].filter((folder) =>
        files.some(({path}) => path.startsWith(`${folder}/`)),
      );
      this.#write(
        number,
        next,
        {
          version: 1,
          pulled: next.pulled,
          source: next.source,
          ...(next.profile === undefined ? {} : {profile: next.profile}),
          salt,
          files,
          variables,
          folders,
        },
        kept,
        operations,
      );
      this.#link(files, detached, made, operations);
      this.#switchTo(number, operations);
    } catch (error) {
      this.#undo(number, made, operations);
      throw error;
    }
    this.sweep(operations);
    return {changed: true, kept};
  }

  /** Removes what a pull that was killed has left: links that lead nowhere, and generations that do not hold. */
  sweep(operations: FileOperations = realFileOperations): void {
    const current = this.#current();
    const wanted = new Set(this.record()?.files.map(({path}) => path));
    for (const number of this.#numbers().filter((each) => each !== current)) {
      const folder = join(this.#folder, String(number));
      // The links first: this folder is what tells where they are.
      for (const path of filesBelow(join(folder, 'files')).filter((each) => !wanted.has(each))) {
        if (this.#isLinked(path)) operations.removeFile(join(this.#mountPoint, path));
        this.#removeEmptyFolders(path, this.#recordOf(number), operations);
      }
      removeTree(folder, operations);
    }
    const next = join(this.#folder, 'next');
    if (lstatSync(next, {throwIfNoEntry: false}) !== undefined) operations.removeFile(next);
  }

  /** The number that `current` names. A link to anything else is nobody's. */
  #current(): number | undefined {
    const target = linkTarget(join(this.#folder, 'current'));
    return target !== undefined && /^[1-9]\d{0,14}$/.test(target) ? Number(target) : undefined;
  }

  #numbers(): number[] {
    return entriesOf(this.#folder)
      .filter((entry) => entry.isDirectory() && /^[1-9]\d{0,14}$/.test(entry.name))
      .map((entry) => Number(entry.name));
  }

  #recordOf(number: number): PulledRecord | undefined {
    const json = readIfThere(join(this.#folder, String(number), 'pulled.json'));
    const record = json && parseRecord(json.toString('utf8'));
    // The paths are used below the mount point; those of somebody else's vault may lead out of it.
    return record?.files.every(({path}) => faultOfVaultPath(path) === undefined) === true ? record : undefined;
  }

  /** Files whose content is not what was pulled, and where the other content is. */
  #edited(record: PulledRecord | undefined): Map<string, Edit> {
    const edited = new Map<string, Edit>();
    for (const {path, digest} of record?.files ?? []) {
      const here = join(this.#mountPoint, path);
      const stat = lstatSync(here, {throwIfNoEntry: false});
      // Editors write a file beside and rename it over the link; others write through the link.
      const at = stat?.isFile() === true ? 'path' : 'generation';
      const bytes = readIfThere(at === 'path' ? here : join(this.#folder, String(this.#current()), 'files', path));
      if (bytes !== undefined && digestWith(record!.salt, bytes) !== digest) edited.set(path, {at, bytes});
      else bytes?.fill(0);
    }
    return edited;
  }

  /** The edited files that stay as they are. Throws where the store has something else for them, or nothing. */
  #settle(record: PulledRecord | undefined, files: readonly PulledFile[], edited: ReadonlyMap<string, Edit>): string[] {
    for (const path of edited.keys()) {
      const before = record!.files.find((file) => file.path === path)!;
      const after = files.find((file) => file.path === path);
      if (after?.digest === before.digest) continue;
      throw editedSincePull(path, after !== undefined);
    }
    return [...edited.keys()];
  }

  /** Nothing of the user's is in the way: every place is free, or has a link of ours. */
  #checkTargets(
    record: PulledRecord | undefined,
    files: readonly PulledFile[],
    own: 'overwrite' | ReadonlySet<string>,
  ): void {
    for (const {path} of files) {
      const names = path.split('/');
      for (let depth = 1; depth < names.length; depth++) {
        const folder = names.slice(0, depth).join('/');
        const stat = lstatSync(join(this.#mountPoint, folder), {throwIfNoEntry: false});
        if (stat === undefined) break;
        if (!stat.isDirectory()) throw targetTaken(folder, path);
      }
      const stat = lstatSync(join(this.#mountPoint, path), {throwIfNoEntry: false});
      if (stat === undefined || this.#isLinked(path)) continue;
      const pulledBefore = record?.files.some((file) => file.path === path) === true;
      // With the pulled content a file that an editor has renamed here is no loss.
      const expendable = pulledBefore && stat.isFile();
      if (!expendable && (own === 'overwrite' || !own.has(path))) throw targetTaken(path, path);
    }
  }

  #hasAnswer(key: string, bytes: Uint8Array): boolean {
    const kept = this.answer(key);
    const same = kept?.equals(bytes) === true;
    kept?.fill(0);
    return same;
  }

  #isLinked(path: string): boolean {
    return linkTarget(join(this.#mountPoint, path)) === linkTo(path);
  }

  #allLinked(files: readonly PulledFile[], detached: ReadonlySet<string>): boolean {
    const own = [...ownLinks].every(([name, target]) => linkTarget(join(this.#own, name)) === target);
    return own && files.every(({path}) => detached.has(path) || this.#isLinked(path));
  }

  #missingFolders(files: readonly PulledFile[]): string[] {
    const all = new Set(files.flatMap(({path}) => foldersAbove(path)));
    return [...all].filter(
      (folder) => lstatSync(join(this.#mountPoint, folder), {throwIfNoEntry: false}) === undefined,
    );
  }

  #prepareFolders(operations: FileOperations): void {
    for (const folder of [this.#own, this.#folder]) {
      const stat = lstatSync(folder, {throwIfNoEntry: false});
      if (stat === undefined) operations.makeFolder(folder, 0o700);
      // A vault may come from somebody else: a link here would choose where secrets are written.
      else if (!stat.isDirectory()) throw targetTaken(relative(this.#mountPoint, folder), 'what is pulled');
    }
  }

  #write(
    number: number,
    next: NewSet,
    record: PulledRecord,
    kept: readonly string[],
    operations: FileOperations,
  ): void {
    const root = join(this.#folder, String(number));
    const edited = kept.length === 0 ? new Map<string, Edit>() : this.#edited(this.record());
    const contents = [
      ...next.files.map(({path, mode, bytes}) => ({
        path: join('files', path),
        mode,
        bytes: edited.get(path)?.bytes ?? bytes,
      })),
      ...next.environment.map(({path, bytes}) => ({path: join('environment', path), mode: 0o600, bytes})),
      ...next.answers.map(({key, bytes}) => ({path: join('folders', key), mode: 0o600, bytes})),
      {path: 'pulled.json', mode: 0o600, bytes: Buffer.from(`${JSON.stringify(record)}\n`)},
    ];
    const folders = ['', ...new Set(['environment', ...contents.flatMap(({path}) => foldersAbove(path))])];
    for (const folder of folders) operations.makeFolder(join(root, folder), 0o700);
    // All are written before the first is synced: the first sync then takes most of the others along.
    for (const {path, mode, bytes} of contents) operations.writeFile(join(root, path), bytes, mode);
    for (const {path} of contents) operations.syncFile(join(root, path));
    for (const folder of folders.toReversed()) operations.syncFolder(join(root, folder));
    operations.syncFolder(this.#folder);
    for (const {bytes} of edited.values()) bytes.fill(0);
  }

  #link(files: readonly PulledFile[], detached: ReadonlySet<string>, made: string[], operations: FileOperations): void {
    const touched = new Set<string>();
    for (const folder of this.#missingFolders(files)) {
      operations.makeFolder(join(this.#mountPoint, folder), 0o700);
      touched.add(dirname(folder));
    }
    const next = join(this.#folder, 'next');
    for (const {path} of files.filter((file) => !detached.has(file.path) && !this.#isLinked(file.path))) {
      const here = join(this.#mountPoint, path);
      made.push(path);
      touched.add(dirname(path));
      if (lstatSync(here, {throwIfNoEntry: false}) === undefined) {
        operations.makeLink(linkTo(path), here);
        continue;
      }
      // An editor's own file in the place of the link, as checked before; replaced in one step.
      operations.makeLink(linkTo(path), next);
      operations.rename(next, here);
    }
    for (const [name, target] of ownLinks) {
      if (linkTarget(join(this.#own, name)) === target) continue;
      operations.makeLink(target, join(this.#own, name));
      touched.add('.tazpod');
    }
    for (const folder of touched) operations.syncFolder(join(this.#mountPoint, folder));
  }

  #switchTo(number: number, operations: FileOperations): void {
    const next = join(this.#folder, 'next');
    operations.makeLink(String(number), next);
    operations.rename(next, join(this.#folder, 'current'));
    operations.syncFolder(this.#folder);
  }

  /** Takes back what was made for a generation that will not hold. */
  #undo(number: number, made: readonly string[], operations: FileOperations): void {
    // The one step that looks like its failure: it holds, and the folder could not be synced.
    if (this.#current() === number) return;
    try {
      const before = new Set(this.record()?.files.map(({path}) => path));
      for (const path of made) {
        const wasThere = before.has(path);
        if (!wasThere && this.#isLinked(path)) operations.removeFile(join(this.#mountPoint, path));
        if (!wasThere) this.#removeEmptyFolders(path, this.#recordOf(number), operations);
      }
      removeTree(join(this.#folder, String(number)), operations);
    } catch {
      // The next pull sweeps.
    }
  }

  /** The folders above a path that went, those that a pull has made, as far as nothing else is in them. */
  #removeEmptyFolders(path: string, record: PulledRecord | undefined, operations: FileOperations): void {
    for (const folder of foldersAbove(path).toReversed()) {
      const here = join(this.#mountPoint, folder);
      const stat = lstatSync(here, {throwIfNoEntry: false});
      if (stat === undefined) continue;
      const ours = record?.folders.includes(folder) === true && stat.isDirectory();
      if (!ours || entriesOf(here).length > 0) return;
      operations.removeFolder(here);
    }
  }
}

type Edit = {readonly at: 'path' | 'generation'; readonly bytes: Buffer};

/** Links of TazPod's own folder, for the readers of the environment and the record. */
const ownLinks: ReadonlyMap<string, string> = new Map([
  ['environment', 'pulled/current/environment'],
  ['pulled.json', 'pulled/current/pulled.json'],
]);

/** The text of the link at a path of the vault. */
function linkTo(path: string): string {
  return `${'../'.repeat(path.split('/').length - 1)}.tazpod/pulled/current/files/${path}`;
}

function foldersAbove(path: string): string[] {
  const names = path.split('/').slice(0, -1);
  return names.map((_, index) => names.slice(0, index + 1).join('/'));
}

function described(next: NewSet, salt: string): {files: PulledFile[]; variables: PulledVariable[]} {
  const files = next.files.map(({path, mode, bytes, secrets}) => ({
    path,
    mode,
    sizeBytes: bytes.length,
    digest: digestWith(salt, bytes),
    secrets,
  }));
  const variables = next.variables.map(({name, value, secrets}) => ({
    name,
    sizeBytes: value.length,
    digest: digestWith(salt, value),
    secrets,
  }));
  return {files, variables};
}

type Named = {readonly name: string; readonly sizeBytes: number; readonly digest: string; readonly mode?: number};

function asNamed(files: readonly PulledFile[] = []): Named[] {
  return files.map(({path, sizeBytes, digest, mode}) => ({name: path, sizeBytes, digest, mode}));
}

function differences(
  kind: Difference['kind'],
  before: readonly Named[],
  after: readonly Named[],
  isEdited: (name: string) => boolean,
): Difference[] {
  const names = [...new Set([...before, ...after].map(({name}) => name))].sort();
  const index = (list: readonly Named[]) => new Map(list.map((each) => [each.name, each]));
  const [olds, news] = [index(before), index(after)];
  return names.flatMap((name) => {
    const old = olds.get(name);
    const now = news.get(name);
    const changed = old?.digest !== now?.digest || old?.mode !== now?.mode;
    if (!changed && !isEdited(name)) return [];
    const change = old === undefined ? 'added' : now === undefined ? 'removed' : changed ? 'changed' : 'edited here';
    return {
      kind,
      name,
      change,
      ...(old === undefined ? {} : {oldSizeBytes: old.sizeBytes, oldDigest: old.digest.slice(0, 8)}),
      ...(now === undefined ? {} : {newSizeBytes: now.sizeBytes, newDigest: now.digest.slice(0, 8)}),
    };
  });
}

/** A full vault is something that its user can understand; other errors stay as they are. */
function asFailure(error: unknown): unknown {
  const {code} = error as NodeJS.ErrnoException;
  if (code === 'EROFS') return vaultReadOnly(error);
  return code === 'ENOSPC' || code === 'EDQUOT' ? vaultFull(error) : error;
}

function removeTree(folder: string, operations: FileOperations): void {
  for (const entry of entriesOf(folder)) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) removeTree(path, operations);
    else operations.removeFile(path);
  }
  if (lstatSync(folder, {throwIfNoEntry: false}) !== undefined) operations.removeFolder(folder);
}

function filesBelow(folder: string, prefix = ''): string[] {
  return entriesOf(folder).flatMap((entry) => {
    const path = `${prefix}${entry.name}`;
    return entry.isDirectory() ? filesBelow(join(folder, entry.name), `${path}/`) : [path];
  });
}

function entriesOf(folder: string): Dirent[] {
  try {
    return readdirSync(folder, {withFileTypes: true});
  } catch {
    return [];
  }
}

function readIfThere(path: string): Buffer | undefined {
  try {
    return readFileSync(path);
  } catch {
    return undefined;
  }
}

function linkTarget(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}

function sameJson(one: unknown, other: unknown): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}
