import {setTimeout as sleep} from 'node:timers/promises';
import {tryLockExclusive} from '../../kernel/file-lock.ts';
import type {KeyKind, KeysAnswer, KeySlot} from '../../lifecycle/message.ts';
import type {KeyChange, KeySource, KeysPlan} from '../../lifecycle/plan.ts';
import {addKeyslot, testPassphrase} from '../../luks/cryptsetup.ts';
import {headerNotProven} from '../../luks/failures.ts';
import {discardDraft, draftHeader, type HeaderSource, readHeaderSource, writeDraft} from '../../luks/header-draft.ts';
import {keyslotIn, withKeyslot, withNote, withoutKeyslots} from '../../luks/header-edit.ts';
import type {JsonObject} from '../../luks/header-json.ts';
import {describeKeyslots, findKeyslot, freeName, isForPeople} from '../../luks/key-slots.ts';
import {boundedPbkdfMemoryKiB, kdfMemoryLimitKiB} from '../../luks/memory.ts';
import {copyForNewKeyslot, openNamelessFile, readVettedHeader, type VettedHeader} from '../../luks/private-copy.ts';
import {allocateSecret} from '../../luks/secret-buffer.ts';
import type {Caller} from '../caller.ts';
import type {CliChannel} from '../cli-channel.ts';
import {
  givenKeyGoes,
  imageLocked,
  keyNameTaken,
  keyOfAnotherProgram,
  lastKeyForPeople,
  noSuchKey,
  recoveryKeyStays,
  WrongPassphrase,
} from '../failures.ts';
import {type KeyReader, keyReader, kindOfKey} from '../key-source.ts';
import {openKeysPlan, type OpenedKeysPlan} from '../plan/check-plan.ts';
import {makeRecoveryKey, recoveryKdf, showRecoveryKey} from './recovery-key.ts';
import {mountPrivateSharedMemory} from '../session/terminal.ts';
import {StepRunner} from '../step-runner.ts';
import {tryKey} from '../try-key.ts';

const leastWaitMs = 500;
const pollMs = 100;

/**
 * Lists the key slots of an image, or changes one. A change is made on private copies of the header, tried there with the
 * keys that are to open it, and then written so that the image opens at any moment (`writeDraft`).
 *
 * Safe as root: the image is opened with the caller's ids, and must be the caller's own. What is written are key slots
 * and a header that has passed the same vetting as one that is opened. The caller could do all of it with cryptsetup.
 *
 * `beforeWriting` is called when it is to be written: from then on nobody breaks it off.
 */
export async function changeKeys(
  caller: Caller,
  plan: KeysPlan,
  channel: CliChannel,
  beforeWriting: () => void,
): Promise<number> {
  const opened = openKeysPlan(caller, plan);
  const work = new KeysWork(caller, plan, channel, opened, beforeWriting);
  channel.say({say: 'keys', ...(await work.do(plan.change))});
  return 0;
}

/** A key that opens at least one key slot. `bytes` is wiped in the end. */
type RightKey = {readonly bytes: Buffer; readonly slots: readonly number[]};

type NewKey = {readonly bytes: Buffer; readonly kind: KeyKind};

class KeysWork {
  readonly #caller: Caller;
  readonly #plan: KeysPlan;
  readonly #channel: CliChannel;
  readonly #opened: OpenedKeysPlan;
  readonly #steps: StepRunner;
  readonly #beforeWriting: () => void;
  readonly #memoryLimitKiB = kdfMemoryLimitKiB();

  constructor(caller: Caller, plan: KeysPlan, channel: CliChannel, opened: OpenedKeysPlan, beforeWriting: () => void) {
    this.#caller = caller;
    this.#plan = plan;
    this.#channel = channel;
    this.#opened = opened;
    this.#beforeWriting = beforeWriting;
    this.#steps = new StepRunner((message) => channel.say(message));
  }

  async do(change: KeyChange): Promise<KeysAnswer> {
    if (change.do === 'list') {
      // A key slot that needs more memory than there is must not keep anybody from the list that says so.
      return {keys: this.#describe(this.#vet(Infinity).whole)};
    }
    const vetted = await this.#prepare();
    switch (change.do) {
      case 'replace':
        return this.#replace(vetted, change);
      case 'add':
        return this.#add(vetted, change);
      case 'remove':
        return this.#remove(vetted, change);
      case 'rename':
        return this.#rename(vetted, change);
    }
  }

  async #prepare(): Promise<VettedHeader> {
    const steps = this.#steps;
    steps.begin('prepare');
    await steps.step('unshare', () => mountPrivateSharedMemory());
    await steps.step('lock', () => this.#lock());
    const vetted = await steps.step('vet', () => this.#vet(this.#memoryLimitKiB));
    for (const text of vetted.warnings) this.#channel.say({say: 'warning', text});
    return vetted;
  }

  /** Nobody opens the vault, or changes its keys, meanwhile. */
  async #lock(): Promise<void> {
    const waitMs = Math.max(this.#plan.waitMs ?? 0, leastWaitMs);
    const deadlineMs = performance.now() + waitMs;
    while (!(await tryLockExclusive(this.#opened.imageFd))) {
      if (performance.now() >= deadlineMs) throw imageLocked(Math.round(waitMs / 1000));
      await sleep(pollMs);
    }
  }

  #vet(memoryLimitKiB: number): VettedHeader {
    const {imageFd} = this.#opened;
    return readVettedHeader(imageFd, openNamelessFile('/dev/shm'), {memoryLimitKiB, imageName: this.#plan.image});
  }

  #describe(header: HeaderSource['header']): KeySlot[] {
    return describeKeyslots(header, this.#memoryLimitKiB);
  }

  async #replace(vetted: VettedHeader, change: Extract<KeyChange, {do: 'replace'}>): Promise<KeysAnswer> {
    const before = this.#describe(vetted.whole);
    const key = await this.#rightKey(vetted, change.key);
    try {
      const old = before.filter(({slot}) => key.slots.includes(slot));
      const foreign = old.find(({token}) => token !== undefined);
      if (foreign !== undefined) throw keyOfAnotherProgram(foreign);
      const recovery = old.find(({kind}) => kind === 'recovery');
      if (recovery !== undefined) throw recoveryKeyStays(recovery);
      const newKey = await this.#newKey(change.newKey);
      try {
        const name = old.find((slot) => slot.name !== undefined)?.name;
        return await this.#write(vetted, key, newKey, {drop: key.slots, name, kdf: change.kdf});
      } finally {
        newKey.bytes.fill(0);
      }
    } finally {
      key.bytes.fill(0);
    }
  }

  async #add(vetted: VettedHeader, change: Extract<KeyChange, {do: 'add'}>): Promise<KeysAnswer> {
    const {name, newKey: source, kdf} = change;
    this.#requireFreeName(this.#describe(vetted.whole), name);
    const key = await this.#rightKey(vetted, change.key, 'first');
    try {
      const newKey: NewKey =
        source === undefined ? {bytes: makeRecoveryKey(), kind: 'recovery'} : await this.#newKey(source);
      try {
        return await this.#write(vetted, key, newKey, {drop: [], name, kdf});
      } finally {
        newKey.bytes.fill(0);
      }
    } finally {
      key.bytes.fill(0);
    }
  }

  async #remove(vetted: VettedHeader, {slot: asked, key: source}: {slot: string; key: KeySource}): Promise<KeysAnswer> {
    const before = this.#describe(vetted.whole);
    const target = this.#find(before, asked);
    const left = before.filter(({slot}) => slot !== target.slot);
    const locksOut = !left.some(({opensVault}) => opensVault);
    if (locksOut || (isForPeople(target) && !left.some(isForPeople))) throw lastKeyForPeople(target, left);
    const key = await this.#rightKey(vetted, source);
    try {
      const staying = key.slots.find((slot) => slot !== target.slot);
      if (staying === undefined) throw givenKeyGoes(target);
      const changed = withoutKeyslots(this.#source().json, [target.slot]);
      const keys = await this.#commit(changed, undefined, async (drafted) =>
        testPassphrase(drafted, key.bytes, staying),
      );
      return {keys, changed: target};
    } finally {
      key.bytes.fill(0);
    }
  }

  async #rename(vetted: VettedHeader, {slot: asked, name}: {slot: string; name: string}): Promise<KeysAnswer> {
    const before = this.#describe(vetted.whole);
    const {slot, kind} = this.#find(before, asked);
    this.#requireFreeName(before, name);
    const source = this.#source();
    const isSame = (drafted: VettedHeader) =>
      JSON.stringify([drafted.whole.keyslots, drafted.whole.digests]) ===
      JSON.stringify([vetted.whole.keyslots, vetted.whole.digests]);
    const keys = await this.#commit(withNote(source.json, slot, {name, kind}), undefined, async (drafted) =>
      isSame(drafted),
    );
    return {keys, ...changedSlot(keys, slot)};
  }

  /** Adds a key slot for a new key, and takes those in `drop` away with the same write. */
  async #write(
    vetted: VettedHeader,
    key: RightKey,
    newKey: NewKey,
    {drop, name, kdf}: {drop: readonly number[]; name: string | undefined; kdf: KdfOf},
  ): Promise<KeysAnswer> {
    this.#steps.begin('addKey');
    const before = this.#describe(vetted.whole);
    const copy = copyForNewKeyslot(vetted, openNamelessFile('/dev/shm'));
    await this.#steps.step('newKeyslot', () =>
      addKeyslot(copy, key.bytes, newKey.bytes, newKey.kind === 'recovery' ? recoveryKdf : this.#bounded(kdf)),
    );
    const made = readHeaderSource(copy.copyFd);
    const taken = before.map(({slot}) => slot);
    const slot = made.header.keyslots.map(({id}) => id).find((id) => !taken.includes(id));
    if (slot === undefined) throw headerNotProven();
    const {json} = this.#source();
    const kept = before.filter((each) => !drop.includes(each.slot));
    const note = {name: name ?? freeName(kept, newKey.kind), kind: newKey.kind};
    const added = withKeyslot(json, slot, keyslotIn(made.json, slot));
    const changed = withNote(withoutKeyslots(added, drop), slot, note);
    const stays = key.slots.find((id) => !drop.includes(id));
    const keys = await this.#commit(
      changed,
      copy.copyFd,
      async (drafted) =>
        (await testPassphrase(drafted, newKey.bytes, slot)) &&
        (stays === undefined || (await testPassphrase(drafted, key.bytes, stays))),
      async () => {
        if (newKey.kind === 'recovery') await showRecoveryKey(this.#channel, newKey.bytes);
      },
    );
    return {keys, ...changedSlot(keys, slot)};
  }

  /** Tries a changed header, and writes it into the image. */
  async #commit(
    json: JsonObject,
    addedFd: number | undefined,
    proves: (drafted: VettedHeader) => Promise<boolean>,
    whenProven = async (): Promise<void> => {},
  ): Promise<KeySlot[]> {
    const {imageFd} = this.#opened;
    if (addedFd === undefined) this.#steps.begin('dropKey');
    const limits = {memoryLimitKiB: this.#memoryLimitKiB, imageName: this.#plan.image};
    const draft = draftHeader(imageFd, this.#source(), json, limits, addedFd);
    try {
      await this.#steps.step('tryKeys', async () => {
        if (!(await proves(draft.vetted))) throw headerNotProven();
      });
      await whenProven();
      this.#beforeWriting();
      this.#steps.begin('writeKeys');
      await this.#steps.step('writeHeader', () => writeDraft(imageFd, draft));
      return this.#describe(draft.vetted.whole);
    } finally {
      discardDraft(draft);
    }
  }

  #source(): HeaderSource {
    return readHeaderSource(this.#opened.imageFd);
  }

  /** Asks for a key of the image. With `first`, one key slot that it opens is enough to know. */
  async #rightKey(vetted: VettedHeader, source: KeySource, wanted: 'all' | 'first' = 'all'): Promise<RightKey> {
    return tryKey(this.#reader(source, this.#opened.keyFd), this.#steps, async (key) => {
      const slots: number[] = [];
      for (const {id} of vetted.header.keyslots) {
        if (!(await testPassphrase(vetted, key, id))) continue;
        slots.push(id);
        if (wanted === 'first') break;
      }
      if (slots.length === 0) throw new WrongPassphrase(this.#plan.image);
      const bytes = allocateSecret(key.length);
      key.copy(bytes);
      return {bytes, slots};
    });
  }

  async #newKey(source: KeySource): Promise<NewKey> {
    return {bytes: await this.#reader(source, this.#opened.newKeyFd).chosen(), kind: kindOfKey(source)};
  }

  #reader(source: KeySource, fd: number | undefined): KeyReader {
    return keyReader(this.#caller, source, fd, this.#plan, this.#channel);
  }

  #find(slots: readonly KeySlot[], asked: string): KeySlot {
    const found = findKeyslot(slots, asked);
    if (found === undefined) throw noSuchKey(asked);
    return found;
  }

  #requireFreeName(slots: readonly KeySlot[], name: string | undefined): void {
    if (name !== undefined && slots.some((slot) => slot.name === name)) throw keyNameTaken(name);
  }

  #bounded(kdf: KdfOf): KdfOf {
    if (kdf.pbkdf === 'pbkdf2') return kdf;
    return {...kdf, pbkdfMemoryKiB: boundedPbkdfMemoryKiB(kdf.pbkdfMemoryKiB, this.#memoryLimitKiB)};
  }
}

type KdfOf = Extract<KeyChange, {do: 'add'}>['kdf'];

function changedSlot(keys: readonly KeySlot[], slot: number): Pick<KeysAnswer, 'changed'> {
  const changed = keys.find((each) => each.slot === slot);
  return changed === undefined ? {} : {changed};
}
