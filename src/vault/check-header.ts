import {count} from '../foundation/count.ts';
import {shellWord} from '../foundation/shell-word.ts';
import type {KeySlot} from '../lifecycle/message.ts';
import {currentHeader} from '../luks/header.ts';
import {readHeaderCopies} from '../luks/header-reader.ts';
import {describeKeyslots} from '../luks/key-slots.ts';
import {kdfMemoryLimitKiB} from '../luks/memory.ts';
import {vetHeader} from '../luks/vet.ts';
import {error, orFine, type VaultFinding, warning} from './check-finding.ts';

/** Both copies of the header and the key slots, as far as they can be judged without a key. */
export function checkHeader(imageFd: number, image: string): readonly VaultFinding[] {
  const copies = readHeaderCopies(imageFd);
  const memoryLimitKiB = kdfMemoryLimitKiB();
  const verdict = vetHeader(copies, {imageSizeBytes: copies.imageSizeBytes, memoryLimitKiB, imageName: image});
  if (verdict.verdict === 'refused') {
    return [error('header', [verdict.what, verdict.why].filter((each) => each !== undefined).join(' '), verdict.next)];
  }
  const warnings = verdict.verdict === 'opens' ? [] : verdict.warnings;
  const ofSlots = (text: string): boolean => text.startsWith('Key slot ');
  const slots = describeKeyslots(currentHeader(copies)!, memoryLimitKiB);
  return [
    ...orFine(
      warnings.filter((text) => !ofSlots(text)).map((text) => headerWarning(text)),
      'header',
      'Both copies of the header are sound.',
    ),
    ...orFine(
      [...warnings.filter(ofSlots).map((text) => warning('key-memory', text)), ...weakSlots(slots, image)],
      'key-slots',
      `${count(slots.length, 'key slot')}, each with a strong key derivation.`,
    ),
  ];
}

/** The vetting says the command in the same breath. */
function headerWarning(text: string): VaultFinding {
  const [detail, fix] = text.split(' Repair it: ');
  return warning('header-copy', detail!, fix);
}

function weakSlots(slots: readonly KeySlot[], image: string): VaultFinding[] {
  return slots
    .filter(({isWeak}) => isWeak)
    .map(({slot, kdf}) =>
      warning(
        'key-derivation',
        `Key slot ${slot} derives its key too fast (${describe(kdf)}): its passphrase can be guessed sooner.`,
        `cryptsetup luksConvertKey --key-slot ${slot} --pbkdf argon2id ${shellWord(image)}`,
      ),
    );
}

function describe({type, iterations, memoryKiB}: KeySlot['kdf']): string {
  return memoryKiB === undefined ? `PBKDF2, ${count(iterations, 'iteration')}` : `${type}, ${memoryKiB} KiB`;
}
