import {exitCode} from '../foundation/exit-code.ts';
import {currentHeader} from './header.ts';
import type {HeaderCopies, HeaderCopy, LuksHeader} from './header.ts';
import {boundKeyslots, headerRules} from './header-rules.ts';
import {estimateUnlockSeconds, unlockSecondsLimit} from './kdf-cost.ts';
import type {Kdf, Keyslot} from './metadata.ts';
import {malformed, nameOf, restoreHeader} from './refusal.ts';
import type {Refusal, VettingLimits} from './refusal.ts';

/**
 * What is to be done with an image. The header of an image that opens is the copy that counts, less the key slots that
 * cannot be used here and all tokens: the part of it that may meet a key.
 */
export type Verdict =
  | {readonly verdict: 'opens'; readonly header: LuksHeader}
  | {readonly verdict: 'opens-with-warning'; readonly header: LuksHeader; readonly warnings: readonly string[]}
  | ({readonly verdict: 'refused'} & Refusal);

/**
 * Judges a header before any key meets it. LUKS2 protects its header against accidents, not against people: a
 * person who may write the image may have written anything into it (CVE-2025-59054, CVE-2025-58356).
 *
 * Pure: no key, no file, no program. Linear in the size of the header.
 */
export function vetHeader(copies: HeaderCopies, limits: VettingLimits): Verdict {
  const missing = refuseMissing(copies, limits);
  if (missing !== undefined) return {verdict: 'refused', ...missing};
  const header = currentHeader(copies)!;
  for (const rule of headerRules) {
    const refusal = rule(header, limits);
    if (refusal !== undefined) return {verdict: 'refused', ...refusal};
  }
  const {kept, tooLarge} = usableKeyslots(header, limits);
  if (kept.length === 0) {
    const refusal = tooLarge.length === 0 ? refuseIgnored(limits) : refuseMemory(tooLarge, limits);
    return {verdict: 'refused', ...refusal};
  }
  const usable = restrictTo(header, kept);
  const seconds = estimateUnlockSeconds(usable);
  if (seconds > unlockSecondsLimit) return {verdict: 'refused', ...refuseTime()};
  const warnings = [
    ...warnOfCopies(copies, limits),
    ...tooLarge.map((slot) => `Key slot ${slot.id} is skipped: it ${memorySentence(slot, limits)}`),
  ];
  return warnings.length === 0
    ? {verdict: 'opens', header: usable}
    : {verdict: 'opens-with-warning', header: usable, warnings};
}

function refuseMissing(copies: HeaderCopies, limits: VettingLimits): Refusal | undefined {
  const {signature, primary, secondary} = copies;
  if (signature === 'luks1') {
    return malformed('This is a LUKS1 image.', 'TazPod opens only LUKS2.', {
      next: `Copy the image, then: cryptsetup convert --type luks2 ${nameOf(limits)}`,
    });
  }
  if (signature === 'later-version') {
    return malformed('This image uses a newer version of LUKS than LUKS2.', 'TazPod opens only LUKS2.');
  }
  if (primary.state === 'absent' && secondary.state === 'sound' && !copies.startsBlank) {
    // It may have become something else since, of which the old second copy knows nothing.
    return malformed('The beginning of this image has been overwritten.', 'Its first LUKS header is gone.', {
      next: `If that was an accident, restore it from the second header: cryptsetup repair ${nameOf(limits)}`,
    });
  }
  if (primary.state === 'sound' || secondary.state === 'sound') return undefined;
  if (primary.state === 'absent' && secondary.state === 'absent') {
    return malformed('This is not a LUKS2 image.', 'It has no LUKS header.', {
      next: 'Check the path of the image. To create a new vault: tazpod vault create',
    });
  }
  const said = (copy: HeaderCopy): string => (copy.state === 'damaged' ? copy.problem : 'it is missing');
  return malformed(
    'Both copies of the LUKS header of this image are damaged.',
    `The first: ${said(primary)}. The second: ${said(secondary)}.`,
    {next: restoreHeader(limits)},
  );
}

/**
 * Slots that a passphrase is tried in: not those whose priority says that only their number may call them, and none
 * that wants more memory than there is. That one would not only fail: cryptsetup goes no further when a slot cannot be
 * tried, or is killed, and the passphrase would never reach the other slots.
 */
function usableKeyslots(
  header: LuksHeader,
  limits: VettingLimits,
): {readonly kept: readonly Keyslot[]; readonly tooLarge: readonly Keyslot[]} {
  const tried = boundKeyslots(header).filter((slot) => slot.priority !== 'ignore');
  const tooLarge = tried.filter((slot) => memoryOf(slot.kdf) > limits.memoryLimitKiB);
  return {kept: tried.filter((slot) => !tooLarge.includes(slot)), tooLarge};
}

function restrictTo(header: LuksHeader, keyslots: readonly Keyslot[]): LuksHeader {
  const ids = keyslots.map((slot) => slot.id);
  const digest = header.digests.find(({segments}) => segments.includes(0))!;
  return {
    ...header,
    keyslots,
    digests: [{...digest, keyslots: digest.keyslots.filter((id) => ids.includes(id))}],
    tokens: [],
  };
}

function refuseIgnored(limits: VettingLimits): Refusal {
  return malformed('No key slot of this image can be used.', 'Each of them has the priority "ignore".', {
    next: `Change that: cryptsetup config --key-slot N --priority normal ${nameOf(limits)}`,
  });
}

function refuseMemory(tooLarge: readonly Keyslot[], limits: VettingLimits): Refusal {
  const cheapest = tooLarge.reduce((a, b) => (memoryOf(b.kdf) < memoryOf(a.kdf) ? b : a));
  return {
    exitCode: exitCode.unavailable,
    what: `This image cannot be opened here: key slot ${cheapest.id} ${memorySentence(cheapest, limits)}`,
    why: 'The kernel would kill the key derivation.',
    next:
      `Add memory, or add a cheaper key slot on a machine with more: ` +
      `cryptsetup luksAddKey --pbkdf-memory ${Math.max(32, Math.floor(limits.memoryLimitKiB / 2))} ${nameOf(limits)}`,
  };
}

function refuseTime(): Refusal {
  return malformed(
    'The passphrase of this image would take too long to check.',
    `Its header asks for more than ${unlockSecondsLimit / 60} minutes of key derivation.`,
    {
      next: 'cryptsetup does not create such a header by default. Restore a backup, or open the image with cryptsetup by hand.',
    },
  );
}

function warnOfCopies({primary, secondary}: HeaderCopies, limits: VettingLimits): readonly string[] {
  const repair = `Repair it: cryptsetup repair ${nameOf(limits)}`;
  const broken = [['first', primary] as const, ['second', secondary] as const]
    .filter(([, copy]) => copy.state !== 'sound')
    .map(([name, copy]) => {
      const problem = copy.state === 'damaged' ? copy.problem : 'it is missing';
      return `The ${name} copy of the LUKS header is damaged (${problem}). ${repair}`;
    });
  if (primary.state !== 'sound' || secondary.state !== 'sound') return broken;
  if (primary.header.sequence !== secondary.header.sequence) {
    const older = primary.header.sequence < secondary.header.sequence ? 'first' : 'second';
    return [`The ${older} copy of the LUKS header is older than the other. ${repair}`];
  }
  if (primary.fingerprint === secondary.fingerprint) return [];
  return [`The two copies of the LUKS header differ; the first one is used. ${repair}`];
}

function memorySentence(slot: Keyslot, limits: VettingLimits): string {
  const needed = Math.ceil(memoryOf(slot.kdf) / 1024);
  const available = Math.max(0, Math.floor(limits.memoryLimitKiB / 1024));
  return `needs ${needed} MiB of memory, and ${available} MiB are available.`;
}

function memoryOf(kdf: Kdf): number {
  return kdf.type === 'pbkdf2' ? 0 : kdf.memoryKiB;
}
