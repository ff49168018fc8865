import {existsSync} from 'node:fs';
import {isKnownVault} from '../../lifecycle/vault-mark.ts';
import {isUnreachable, type OpenedBackend} from '../backends/backends.ts';
import {adoptVault, type TrustRequest} from '../consent/open-trusted.ts';
import {count} from '../../foundation/count.ts';
import {otherSecretsFile} from '../failures.ts';
import {lastChecked, markChecked} from '../installed/checked.ts';
import {compareSet, type Difference} from '../installed/compare.ts';
import {readAnswer, readRecord} from '../installed/generations.ts';
import {install} from '../installed/install.ts';
import type {Mapping} from '../mapping/mapping.ts';
import {audit} from '../vault-directory/audit.ts';
import {whileLocked} from '../vault-directory/pull-lock.ts';
import {assemble, type Assembled, type LeftOut} from './assemble.ts';
import {type FetchedFolder, fetchFolders, wipe} from './fetch.ts';
import {planFolders, titleOf} from './plan.ts';
import {type PullProgress, progressStep} from './progress.ts';

export type {PullProgress} from './progress.ts';

export type PullRequest = TrustRequest & {
  readonly bridgeEnds: readonly string[];
  readonly progress: PullProgress;
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

type Backends = ReadonlyMap<string, OpenedBackend>;

/**
 * Fetches everything from backends that the user has agreed to, then switches everything over. Throws a Failure; the vault
 * is then as it was.
 */
export async function pull(request: PullRequest, backends: Backends): Promise<PullResult> {
  const {mapping, surroundings} = request;
  const {mountPoint, environment} = surroundings;
  const waiting = () => surroundings.warn('another pull is running in this vault; waiting for it');
  return whileLocked(mountPoint, lockPatienceMs, waiting, async () => {
    const known = isKnownVault(mountPoint, environment);
    if (request.replace !== true) checkSource(mountPoint, mapping);
    try {
      return await withAssembled(request, backends, known, (assembled) =>
        installAssembled(request, backends, known, assembled),
      );
    } catch (error) {
      const earlier = request.offlineOk === true && known && isUnreachable(error) ? earlierPull(mountPoint) : undefined;
      if (earlier === undefined) throw error;
      return earlier;
    }
  });
}

/** What `pull` would change. Nothing in the vault is touched but the sessions of the backends. */
export async function compare(request: PullRequest, backends: Backends): Promise<readonly Difference[]> {
  const {mountPoint, environment} = request.surroundings;
  return withAssembled(request, backends, isKnownVault(mountPoint, environment), ({set}) => {
    const differences = compareSet(mountPoint, set);
    return {result: differences, note: count(differences.length, 'difference')};
  });
}

/** Two projects that share a vault would take each other's secrets away. One that is gone has been moved, most likely. */
function checkSource(mountPoint: string, {file}: Mapping): void {
  const source = readRecord(mountPoint)?.source;
  if (source === undefined || source === file.path || !existsSync(source)) return;
  throw otherSecretsFile(source);
}

/** Fetches, assembles, and hands over what came of it; wipes every value at any end. */
async function withAssembled<T>(
  request: PullRequest,
  backends: Backends,
  known: boolean,
  use: (assembled: Assembled) => {readonly result: T; readonly note: string},
): Promise<T> {
  const {mapping, surroundings, bridgeEnds, progress, now = () => new Date()} = request;
  const {mountPoint} = surroundings;
  const requests = planFolders(mapping, backends);
  let fetched: readonly FetchedFolder[] = [];
  let assembled: Assembled | undefined;
  progress.begin([...requests.map(titleOf), 'Switch to the new secrets']);
  try {
    fetched = await fetchFolders(requests, (key) => (known ? readAnswer(mountPoint, key) : undefined), progress);
    return await progressStep(progress, requests.length, async () => {
      assembled = assemble(mapping, fetched, {mountPoint, now: now(), bridgeEnds});
      return use(assembled);
    });
  } finally {
    wipe(fetched);
    for (const {bytes} of [...(assembled?.set.files ?? []), ...(assembled?.set.environment ?? [])]) bytes.fill(0);
    await progress.end();
  }
}

function installAssembled(
  request: PullRequest,
  backends: Backends,
  known: boolean,
  {set, absent, leftOut, warnings}: Assembled,
): {result: PullResult; note: string} {
  const {surroundings, overwrite = false, now = () => new Date()} = request;
  const {mountPoint} = surroundings;
  const {changed, kept} = install(mountPoint, set, {overwrite, known});
  if (!known) adoptVault(request, backends);
  for (const warning of warnings) surroundings.warn(warning);
  const checked = now();
  markChecked(mountPoint, checked);
  if (changed) audit(mountPoint, 'pull', pulledSecrets(mountPoint), now());
  const [files, variables] = [set.files.length, set.variables.length];
  const counts = {files, variables, checked: checked.toISOString(), kept, absent, leftOut};
  return changed
    ? {result: {state: 'changed', ...counts}, note: `${count(files, 'file')}, ${count(variables, 'variable')}`}
    : {result: {state: 'unchanged', ...counts}, note: 'nothing has changed'};
}

/** What was pulled before, if something was. */
function earlierPull(mountPoint: string): PullResult | undefined {
  const record = readRecord(mountPoint);
  if (record === undefined) return undefined;
  const checked = (lastChecked(mountPoint) ?? new Date(record.pulled)).toISOString();
  const counts = {files: record.files.length, variables: record.variables.length};
  return {state: 'offline', ...counts, checked, kept: [], absent: [], leftOut: []};
}

function pulledSecrets(mountPoint: string): string[] {
  const {files = [], variables = []} = readRecord(mountPoint) ?? {};
  return [...new Set([...files, ...variables].flatMap(({secrets}) => secrets))].sort();
}
