import {existsSync} from 'node:fs';
import {otherSecretsFile, untrusted} from '../failures.ts';
import {assemble, type Assembled, type LeftOut} from './assemble.ts';
import {audit} from '../vault-directory/audit.ts';
import {
  type BackendSurroundings,
  isUnreachable,
  type LoadBackend,
  type OpenedBackend,
  openBackends,
} from '../backends/backends.ts';
import {type FetchedFolder, fetchFolder, type FolderRequest, folderRequests, wipe} from './fetch.ts';
import {count} from '../count.ts';
import {type Difference, Generations} from '../installed/generations.ts';
import type {Mapping} from '../mapping/mapping.ts';
import {whileLocked} from '../vault-directory/pull-lock.ts';
import {isKnownVault} from '../../lifecycle/vault-mark.ts';
import {rememberVault} from '../vault-directory/known-vault.ts';
import {demandsOf, forgetTrust, Trust} from '../consent/trust.ts';

/** Who watches a pull. Titles and notes are for people, on one line, without a value. */
export type PullProgress = {
  /** Called once, with everything that will be done. */
  begin(titles: readonly string[]): void;
  done(index: number, note: string): void;
  failed(index: number): void;
  /** Nothing more is drawn afterwards. */
  end(): Promise<void>;
};

export type PullRequest = {
  readonly mapping: Mapping;
  readonly surroundings: BackendSurroundings;
  readonly bridgeEnds: readonly string[];
  readonly load: LoadBackend;
  readonly progress: PullProgress;
  /** Asks the user to agree; absent where nobody can be asked. */
  readonly agree?: ((demands: readonly string[]) => Promise<boolean>) | undefined;
  /** The user has agreed beforehand. */
  readonly trust: boolean;
  readonly offlineOk?: boolean;
  readonly overwrite?: boolean;
  /** What another `secrets.yml` has brought may go away. */
  readonly replace?: boolean;
  readonly now?: () => Date;
};

/** The `result` of `pull --json`. */
export type PullResult = {
  /** `offline`: a store could not be reached, and what was pulled before is there. */
  readonly state: 'changed' | 'unchanged' | 'offline';
  readonly files: number;
  readonly variables: number;
  /** When what is in the vault was last found to be what the stores have, ISO 8601. */
  readonly checked: string;
  /** Files that were edited here and left so. */
  readonly kept: readonly string[];
  /** Optional secrets that the store does not have. */
  readonly absent: readonly string[];
  /** What optional folders have that cannot be a file or a variable. */
  readonly leftOut: readonly LeftOut[];
};

/** How long one pull waits for another. */
const lockPatienceMs = 120_000;

/** Fetches everything, then switches everything over. Throws a Failure; the vault is then as it was. */
export async function pull(request: PullRequest): Promise<PullResult> {
  const {surroundings, now = () => new Date()} = request;
  const {mountPoint} = surroundings;
  const waiting = () => surroundings.warn('another pull is running in this vault; waiting for it');
  return whileLocked(mountPoint, lockPatienceMs, waiting, async () => {
    const known = isKnownVault(mountPoint, surroundings.environment);
    const generations = new Generations(mountPoint, known);
    if (request.replace !== true) checkSource(request.mapping, generations);
    try {
      const result = await withFetched(request, generations, ({set, absent, leftOut, warnings}, index, backends) => {
        const {changed, kept} = generations.install(set, {overwrite: request.overwrite ?? false});
        if (!known) adopt(request, backends);
        for (const warning of warnings) surroundings.warn(warning);
        const checked = now();
        generations.markChecked(checked);
        const [files, variables] = [set.files.length, set.variables.length];
        request.progress.done(
          index,
          changed ? `${count(files, 'file')}, ${count(variables, 'variable')}` : 'nothing has changed',
        );
        const state = changed ? ('changed' as const) : ('unchanged' as const);
        return {state, files, variables, checked: checked.toISOString(), kept, absent, leftOut};
      });
      if (result.state === 'changed') audit(mountPoint, 'pull', namesOf(generations), now());
      return result;
    } catch (error) {
      const record = generations.record();
      if (request.offlineOk !== true || !known || record === undefined || !isUnreachable(error)) throw error;
      const checked = (generations.lastChecked() ?? new Date(record.pulled)).toISOString();
      const counts = {files: record.files.length, variables: record.variables.length};
      return {state: 'offline', ...counts, checked, kept: [], absent: [], leftOut: []};
    }
  });
}

/** What `pull` would change. Nothing in the vault is touched but the sessions of the backends. */
export async function compare(request: PullRequest): Promise<readonly Difference[]> {
  const {mountPoint, environment} = request.surroundings;
  const generations = new Generations(mountPoint, isKnownVault(mountPoint, environment));
  return withFetched(request, generations, ({set}, index) => {
    const differences = generations.compare(set);
    request.progress.done(index, count(differences.length, 'difference'));
    return differences;
  });
}

/** Loads the backends of a mapping and sees to it that its user agrees to what they do. */
export async function openTrusted(request: Omit<PullRequest, 'progress'>): Promise<Map<string, OpenedBackend>> {
  const {mapping, surroundings} = request;
  const backends = await openBackends(mapping, request.load, surroundings);
  const demands = demandsOf(mapping, backends.values());
  if (demands.length === 0) return backends;
  const trust = new Trust(surroundings.mountPoint, mapping, backends.values());
  const known = isKnownVault(surroundings.mountPoint, surroundings.environment);
  if (known && trust.isGiven()) return backends;
  if (!request.trust && (await request.agree?.(demands)) !== true) throw untrusted(mapping.file.path, demands);
  // In a vault that is not known yet nothing is noted: the first pull makes it known, see `adopt`.
  if (known) noteTrust(surroundings.mountPoint, mapping, backends);
  return backends;
}

/** Two projects that share a vault would take each other's secrets away. One that is gone has been moved, most likely. */
function checkSource({file}: Mapping, generations: Generations): void {
  const source = generations.record()?.source;
  if (source === undefined || source === file.path || !existsSync(source)) return;
  throw otherSecretsFile(source);
}

/**
 * Makes a vault one of this account's, now that everything that was pulled into it was pulled by this one. Of what was
 * agreed to in it, only this pull's own agreement holds on.
 */
function adopt({mapping, surroundings}: PullRequest, backends: ReadonlyMap<string, OpenedBackend>): void {
  const {mountPoint, environment} = surroundings;
  forgetTrust(mountPoint);
  rememberVault(mountPoint, environment);
  if (demandsOf(mapping, backends.values()).length > 0) noteTrust(mountPoint, mapping, backends);
}

function noteTrust(mountPoint: string, mapping: Mapping, backends: ReadonlyMap<string, OpenedBackend>): void {
  new Trust(mountPoint, mapping, backends.values()).give();
  audit(mountPoint, 'trust', [mapping.file.path]);
}

/** Fetches, assembles, and hands over what came of it; wipes every value at any end. */
async function withFetched<T>(
  request: PullRequest,
  generations: Generations,
  use: (assembled: Assembled, progressIndex: number, backends: ReadonlyMap<string, OpenedBackend>) => T,
): Promise<T> {
  const {mapping, surroundings, bridgeEnds, progress, now = () => new Date()} = request;
  const backends = await openTrusted(request);
  const requests = folderRequests(mapping, backends);
  const outcome: (FetchedFolder | undefined)[] = requests.map(() => undefined);
  let assembled: Assembled | undefined;
  progress.begin([...requests.map(titleOf), 'Switch to the new secrets']);
  try {
    const outcomes = await Promise.allSettled(
      requests.map(async (each, index) => {
        try {
          const folder = await fetchFolder(each, generations.answer(each.key));
          outcome[index] = folder;
          progress.done(index, folder.unchanged ? 'unchanged' : count(folder.secrets.length, 'secret'));
        } catch (error) {
          progress.failed(index);
          throw error;
        }
      }),
    );
    const failed = outcomes.find((outcome) => outcome.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
    const {mountPoint} = surroundings;
    const fetched = outcome.filter((folder) => folder !== undefined);
    try {
      assembled = assemble(mapping, fetched, {mountPoint, now: now(), bridgeEnds});
      return use(assembled, requests.length, backends);
    } catch (error) {
      progress.failed(requests.length);
      throw error;
    }
  } finally {
    wipe(outcome.filter((folder) => folder !== undefined));
    for (const {bytes} of [...(assembled?.set.files ?? []), ...(assembled?.set.environment ?? [])]) bytes.fill(0);
    await progress.end();
  }
}

function titleOf({opened, folder}: FolderRequest): string {
  const {environment, path, recursive} = folder;
  const place = `${environment === undefined ? '' : `${environment}:`}${path}${recursive ? ' and below' : ''}`;
  return `Read ${opened.definition.name} ${JSON.stringify(place).slice(1, -1)}`;
}

function namesOf(generations: Generations): string[] {
  const record = generations.record();
  return [...new Set([...(record?.files ?? []), ...(record?.variables ?? [])].flatMap(({secrets}) => secrets))].sort();
}
