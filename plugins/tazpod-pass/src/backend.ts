import {availableParallelism} from 'node:os';
import type {
  BackendContext,
  BackendError,
  Folder,
  FolderAnswer,
  LoginAnswer,
  LoginRequest,
  Secret,
  SecretBackend,
} from 'tazpod/contract';
import {quoted} from '../../../plugin-kit/quoted.ts';
import {noneOfSecrets, storeEmpty} from './failures.ts';
import {checkSettings, type Content, contents, readSettings} from './settings.ts';
import {show} from './show.ts';
import {type Entry, fingerprint, gpgIdOf, listFolder} from './store.ts';

/** Secrets from pass, the standard Unix password manager, decrypted by the user's own gpg. */
const backend: SecretBackend = {contract: 1, contents, checkSettings, login, readFolder};
export default backend;

/** The agent of gpg works off one after the other; the rest of each can run beside. */
const atOnce = Math.min(4, availableParallelism());

/**
 * Has gpg ask for the passphrase of the key, in its own way, so that its agent has it for the pulls that follow. One
 * secret is decrypted for each key that what is wanted was encrypted for.
 */
async function login(context: BackendContext, {wanted}: LoginRequest): Promise<LoginAnswer> {
  const {store} = readSettings(context);
  const folders = wanted === undefined || wanted.length === 0 ? [{path: '/', recursive: true}] : wanted;
  const entries: Entry[] = [];
  for (const folder of folders) {
    // What is optional may be missing; the pull tells what must be there.
    entries.push(...(await listFolder(store, folder, () => {}).catch(ifOptional(folder))));
  }
  if (entries.length === 0) throw wanted === undefined ? storeEmpty() : noneOfSecrets();
  const probes = new Map<string, Entry>();
  for (const entry of entries) {
    const key = (await gpgIdOf(store, entry)) ?? 'the owner of the password store';
    if (!probes.has(key)) probes.set(key, entry);
  }
  for (const entry of probes.values()) (await show(context, {store, content: 'file'}, entry, true)).value.fill(0);
  return {identity: [...probes.keys()].join(', ')};
}

function ifOptional(folder: Folder) {
  return (error: unknown): Entry[] => {
    if (folder.optional === true && kindOf(error) === 'not-found') return [];
    throw error;
  };
}

async function readFolder(context: BackendContext, folder: Folder): Promise<FolderAnswer> {
  const settings = readSettings(context, folder.content as Content | undefined);
  const warn = (text: string) => context.warn(text);
  const entries = await listFolder(settings.store, folder, warn).catch(ifOptional(folder));
  const validator = fingerprint(entries, settings.content);
  if (validator === folder.validator) return {state: 'unchanged'};

  const secrets: Secret[] = [];
  const cut: string[] = [];
  const unreadable: string[] = [];
  const waiting = [...entries];
  const work = async () => {
    for (let entry = waiting.shift(); entry !== undefined; entry = waiting.shift()) await readOne(entry);
  };
  const readOne = async (entry: Entry) => {
    const {name, passName, path} = entry;
    try {
      const {value, isCut} = await show(context, settings, entry);
      secrets.push({name, path, value});
      if (isCut) cut.push(passName);
    } catch (error) {
      // A single file that cannot be decrypted must not stop a pull that can do without it.
      if (folder.optional === true && ['not-found', 'no-permission'].includes(kindOf(error) ?? '')) {
        unreadable.push(passName);
        warn(`${(error as BackendError).tazpod.what} It is skipped.`);
        return;
      }
      // One is enough to know, and each of the others would say the same.
      waiting.length = 0;
      throw error;
    }
  };
  const ends = await Promise.allSettled(Array.from({length: atOnce}, work));
  const failed = ends.find((end) => end.status === 'rejected');
  if (failed !== undefined) {
    secrets.forEach(({value}) => value.fill(0));
    throw failed.reason;
  }
  if (cut.length > 0 && !settings.isChosen) warn(cutWords(cut));
  secrets.sort((a, b) => (`${a.path}/${a.name}` < `${b.path}/${b.name}` ? -1 : 1));
  // Without a validator what was left out is tried again.
  return {state: 'read', secrets, ...(unreadable.length === 0 ? {validator} : {})};
}

/** A key that lost all lines but its first must not go unnoticed. */
function cutWords(names: readonly string[]): string {
  const told = names.toSorted().slice(0, 3).map(quoted).join(', ');
  const more = names.length > 3 ? ` and ${names.length - 3} more` : '';
  return `TazPod uses only the first line of ${told}${more}. Set content: file for all of it, or content: first-line.`;
}

function kindOf(error: unknown): BackendError['tazpod']['kind'] | undefined {
  return (error as {tazpod?: BackendError['tazpod']} | null)?.tazpod?.kind;
}
