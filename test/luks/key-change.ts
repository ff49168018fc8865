import {closeSync, openSync} from 'node:fs';
import {addKeyslot, testPassphrase, type KdfOptions} from '../../src/luks/cryptsetup.ts';
import {
  discardDraft,
  draftHeader,
  type HeaderDraft,
  readHeaderSource,
  writeDraft,
} from '../../src/luks/header-draft.ts';
import {keyslotIn, withKeyslot, withNote, withoutKeyslots} from '../../src/luks/header-edit.ts';
import {
  copyForNewKeyslot,
  discardVettedHeader,
  openNamelessFile,
  readVettedHeader,
} from '../../src/luks/private-copy.ts';

export const quick: KdfOptions = {pbkdf: 'pbkdf2', pbkdfForceIterations: 1000};
const limits = {memoryLimitKiB: 8 * 1024 * 1024};

export type Change = {
  readonly key: string | Buffer;
  readonly newKey: string | Buffer;
  readonly drop?: readonly number[];
  readonly name?: string;
  readonly kdf?: KdfOptions;
};

/** Makes a draft with another key, and gives what is done with it. */
export async function withDraft<T>(
  path: string,
  change: Change,
  use: (fd: number, draft: HeaderDraft) => T,
): Promise<T> {
  const {drop = [], name, kdf = quick} = change;
  const [key, newKey] = [Buffer.from(change.key), Buffer.from(change.newKey)];
  const imageFd = openSync(path, 'r+');
  const vetted = readVettedHeader(imageFd, openNamelessFile('/dev/shm'), limits);
  const copy = copyForNewKeyslot(vetted, openNamelessFile('/dev/shm'));
  try {
    await addKeyslot(copy, key, newKey, kdf);
    const made = readHeaderSource(copy.copyFd);
    const before = vetted.whole.keyslots.map(({id}) => id);
    const slot = made.header.keyslots.map(({id}) => id).find((id) => !before.includes(id))!;
    const source = readHeaderSource(imageFd);
    const json = withoutKeyslots(withKeyslot(source.json, slot, keyslotIn(made.json, slot)), drop);
    const named = name === undefined ? json : withNote(json, slot, {name, kind: 'passphrase'});
    const draft = draftHeader(imageFd, source, named, limits, copy.copyFd);
    try {
      if (!(await testPassphrase(draft.vetted, newKey, slot))) throw new Error('the new key does not open the draft');
      return await use(imageFd, draft);
    } finally {
      discardDraft(draft);
    }
  } finally {
    for (const each of [vetted, copy]) discardVettedHeader(each);
    closeSync(imageFd);
  }
}

export function changeKey(path: string, change: Change): Promise<void> {
  return withDraft(path, change, (imageFd, draft) => writeDraft(imageFd, draft));
}
