import type {KeyKind, KeySlot} from '../lifecycle/message.ts';
import {keyName} from '../lifecycle/plan.ts';
import {boundKeyslots} from './header-rules.ts';
import type {LuksHeader} from './header.ts';
import {keyTokenPrefix, type Kdf} from './metadata.ts';

/** The kinds of keys that TazPod notes. */
const kinds: readonly KeyKind[] = ['passphrase', 'key-file', 'recovery'];

/** Least costs of a key derivation that hinders somebody who guesses a passphrase. */
const leastMemoryKiB = 32 * 1024;
const leastIterations = 100_000;

/**
 * What is known of each key slot. What its tokens say is somebody's claim, as all of a header is: a name that TazPod
 * would not give is none.
 */
export function describeKeyslots(header: LuksHeader, memoryLimitKiB: number): KeySlot[] {
  const bound = boundKeyslots(header).map(({id}) => id);
  return header.keyslots.map(({id, kdf, priority}): KeySlot => {
    const tokens = header.tokens.filter(({keyslots}) => keyslots.includes(id));
    const ours = tokens.find(({type}) => isNote(type));
    const foreign = tokens.find(({type}) => !type.startsWith(keyTokenPrefix));
    const kind = kinds.find((known) => known === ours?.keyKind);
    const costs =
      kdf.type === 'pbkdf2' ? {iterations: kdf.iterations} : {iterations: kdf.timeCost, memoryKiB: kdf.memoryKiB};
    return {
      slot: id,
      ...(ours === undefined ? {} : {name: ours.type.slice(keyTokenPrefix.length)}),
      ...(kind === undefined ? {} : {kind}),
      // A token's type is text that somebody else has chosen.
      ...(foreign === undefined ? {} : {token: foreign.type.replace(/[^\x21-\x7e]/g, '?').slice(0, 40)}),
      kdf: {type: kdf.type, ...costs},
      opensVault: bound.includes(id) && priority !== 'ignore',
      // 256 random bits need no costs.
      isWeak: kind !== 'recovery' && foreign === undefined && isWeak(kdf),
      fitsMemory: kdf.type === 'pbkdf2' || kdf.memoryKiB <= memoryLimitKiB,
    };
  });
}

function isNote(type: string): boolean {
  return type.startsWith(keyTokenPrefix) && keyName.test(type.slice(keyTokenPrefix.length));
}

function isWeak(kdf: Kdf): boolean {
  return kdf.type === 'pbkdf2' ? kdf.iterations < leastIterations : kdf.memoryKiB < leastMemoryKiB;
}

/** Whether a person can use the key without a device or a file: nothing says otherwise. */
export function isForPeople({opensVault, token, kind}: KeySlot): boolean {
  return opensVault && token === undefined && kind !== 'key-file';
}

/** The key slot that a name or a number means. */
export function findKeyslot(slots: readonly KeySlot[], asked: string): KeySlot | undefined {
  return slots.find(({name}) => name === asked) ?? slots.find(({slot}) => String(slot) === asked);
}

/** A name that no key has yet: the kind itself, or with a number. */
export function freeName(slots: readonly KeySlot[], kind: KeyKind): string {
  const taken = slots.map(({name}) => name);
  for (let number = 1; ; number++) {
    const name = number === 1 ? kind : `${kind}-${number}`;
    if (!taken.includes(name)) return name;
  }
}
