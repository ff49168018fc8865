import {availableParallelism} from 'node:os';
import type {BackendContext, Folder, FolderAnswer, LoginAnswer, Secret, SecretBackend} from 'tazpod/contract';
import {failure} from './failure.ts';
import {checkSettings, readSettings} from './settings.ts';
import {show} from './show.ts';
import {type Entry, fingerprint, gpgIdOf, listFolder} from './store.ts';

/** Secrets from pass, the standard Unix password manager, decrypted by the user's own gpg. */
const backend: SecretBackend = {contract: 1, checkSettings, login, readFolder};
export default backend;

/** The agent of gpg works off one after the other; the rest of each can run beside. */
const atOnce = Math.min(4, availableParallelism());

/** Has gpg ask for the passphrase of the key, in its own way, so that its agent has it for the pulls that follow. */
async function login(context: BackendContext): Promise<LoginAnswer> {
  const settings = readSettings(context);
  const all = await listFolder(settings.store, {path: '/', recursive: true}, () => {});
  const [first] = all;
  if (first === undefined) {
    throw failure('not-found', 'The password store is empty.', {next: 'pass insert NAME'});
  }
  (await show(context, settings, first, true)).fill(0);
  return {identity: (await gpgIdOf(settings.store, first)) ?? 'the owner of the password store'};
}

async function readFolder(context: BackendContext, folder: Folder): Promise<FolderAnswer> {
  const settings = readSettings(context);
  const entries = await listFolder(settings.store, folder, (text) => context.warn(text));
  const validator = fingerprint(entries, settings.content);
  if (validator === folder.validator) return {state: 'unchanged'};

  const secrets: Secret[] = [];
  const waiting = [...entries.entries()];
  const work = async () => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const [index, entry] = next;
      secrets[index] = await readOne(entry);
    }
  };
  const readOne = async (entry: Entry): Promise<Secret> => {
    try {
      return {name: entry.name, path: entry.path, value: await show(context, settings, entry)};
    } catch (error) {
      // One is enough to know, and each of the others would say the same.
      waiting.length = 0;
      throw error;
    }
  };
  const ends = await Promise.allSettled(Array.from({length: atOnce}, work));
  const failed = ends.find((end) => end.status === 'rejected');
  if (failed === undefined) return {state: 'read', secrets, validator};
  secrets.forEach(({value}) => value.fill(0));
  throw failed.reason;
}
