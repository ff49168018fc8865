import type {BinaryHeader, Signature} from './binary-header.ts';
import type {Metadata} from './metadata.ts';

/** A whole LUKS2 header, as one copy of it on disk says it. Nothing in it is believed yet: `vet.ts` judges it. */
export type LuksHeader = BinaryHeader & Metadata;

/** One of the two copies of the header. `problem` is the rest of a sentence that begins with the copy. */
export type HeaderCopy =
  | {readonly state: 'sound'; readonly header: LuksHeader; readonly fingerprint: string}
  | {readonly state: 'damaged'; readonly problem: string}
  | {readonly state: 'absent'};

/** What an image shows of its header. */
export type HeaderCopies = {
  readonly imageSizeBytes: number;
  readonly signature: Signature;
  /** Whether the image begins with nothing but zeros, where the first copy should be. */
  readonly startsBlank: boolean;
  readonly primary: HeaderCopy;
  readonly secondary: HeaderCopy;
};

/** Of the two copies the one that counts: cryptsetup takes the sound one, of two the newer, of two equal the first. */
export function currentHeader(copies: HeaderCopies): LuksHeader | undefined {
  const {primary, secondary} = copies;
  if (primary.state !== 'sound') return secondary.state === 'sound' ? secondary.header : undefined;
  if (secondary.state !== 'sound') return primary.header;
  return secondary.header.sequence > primary.header.sequence ? secondary.header : primary.header;
}
