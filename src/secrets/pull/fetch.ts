import {printable} from '../../foundation/printable.ts';
import type {Secret} from '../../contract/index.ts';
import {callBackend} from '../backends/backends.ts';
import {count} from '../../foundation/count.ts';
import {backendMisbehaved} from '../failures.ts';
import type {FolderRequest} from './plan.ts';
import {type PullProgress, progressStep} from './progress.ts';
import {decodeAnswer, encodeAnswer} from './stored-answer.ts';

/** What a folder has, and the bytes that are kept of it. */
export type FetchedFolder = {
  readonly request: FolderRequest;
  /** The store said that nothing has changed. */
  readonly unchanged: boolean;
  readonly secrets: readonly Secret[];
  readonly stored: Buffer;
};

/** Reads all folders at once. If one cannot be read, wipes what the others have. `earlier` gives what was kept of one. */
export async function fetchFolders(
  requests: readonly FolderRequest[],
  earlier: (key: string) => Buffer | undefined,
  progress: PullProgress,
): Promise<FetchedFolder[]> {
  const outcomes = await Promise.allSettled(
    requests.map((request, index) =>
      progressStep(progress, index, async () => {
        const folder = await fetchFolder(request, earlier(request.key));
        return {result: folder, note: folder.unchanged ? 'unchanged' : count(folder.secrets.length, 'secret')};
      }),
    ),
  );
  const fetched = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? outcome.value : []));
  const failed = outcomes.find((outcome) => outcome.status === 'rejected');
  if (failed === undefined) return fetched;
  wipe(fetched);
  throw failed.reason;
}

/** Reads one folder, with the validator of an earlier answer where that is still here. */
async function fetchFolder(request: FolderRequest, earlier: Buffer | undefined): Promise<FetchedFolder> {
  const {opened, folder} = request;
  const known = earlier && decodeAnswer(earlier);
  const validator = known?.validator;
  const answer = await callBackend(opened, `read the folder ${printable(folder.path)}`, () =>
    opened.backend.readFolder(opened.context, {...folder, ...(validator === undefined ? {} : {validator})}),
  );
  if (answer.state === 'unchanged') {
    if (validator === undefined)
      throw backendMisbehaved(opened.definition.name, 'It reported no change, but nothing was pulled before.');
    return {request, unchanged: true, secrets: known!.secrets, stored: earlier!};
  }
  // What was not asked for is not kept: a store that lists whole folders may give more.
  const names = folder.names && new Set(folder.names);
  const fault = answer.secrets.find(
    ({name, path, value}) => typeof name !== 'string' || typeof path !== 'string' || !ArrayBuffer.isView(value),
  );
  if (fault !== undefined) throw backendMisbehaved(opened.definition.name, 'It returned a value that is not a secret.');
  const isWanted = (secret: Secret) => names?.has(secret.name) !== false && folder.isExcluded?.(secret) !== true;
  const secrets = answer.secrets.filter(isWanted);
  for (const secret of answer.secrets.filter((each) => !isWanted(each))) secret.value.fill(0);
  const stored = encodeAnswer({secrets, ...(answer.validator === undefined ? {} : {validator: answer.validator})});
  return {request, unchanged: stored.equals(earlier ?? Buffer.alloc(0)), secrets, stored};
}

/** Wipes every value. */
export function wipe(folders: readonly FetchedFolder[]): void {
  for (const {secrets, stored} of folders) {
    for (const {value} of secrets) value.fill(0);
    stored.fill(0);
  }
}
