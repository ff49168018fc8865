import type {EngineId} from '../lifecycle/plan.ts';

/**
 * A way from a LUKS2 image and its volume key to a plaintext block device. An engine is one directory beside this file;
 * all of them read and write the same images.
 */
export type Engine = {
  readonly id: EngineId;
  /** What this machine, for this process, has of what the engine needs. Changes nothing. */
  probe(): Promise<EngineVerdict>;
  /** Why the engine cannot serve such a segment; undefined when it can. */
  refuse(segment: CryptSegment): Refusal | undefined;
  /**
   * Makes the plaintext of the segment a file or device. Throws a Failure: 65 when it cannot serve such a segment, 69
   * when the machine lacks something.
   */
  attach(request: AttachRequest): Promise<AttachedDevice>;
};

export type EngineVerdict = {readonly usable: true} | ({readonly usable: false} & Refusal);

/** What is in the way, as a Failure says it. */
export type Refusal = {readonly what: string; readonly why: string; readonly next: string};

/** The data segment of a LUKS2 image, as its vetted header describes it. */
export type CryptSegment = {
  /** Where it starts in the image. */
  readonly offsetBytes: number;
  /** How long it is; `dynamic`: up to the end of the image. */
  readonly sizeBytes: number | 'dynamic';
  /** What is enciphered as one unit. */
  readonly sectorSizeBytes: number;
  /** Added to the number of the 512-byte unit that a sector starts with, modulo 2^64: LUKS2's `iv_tweak`. */
  readonly ivTweak: bigint;
  /** As dm-crypt spells it: `aes-xts-plain64`. */
  readonly encryption: string;
};

export type AttachRequest = {
  /** The image, open for reading and writing, or for reading alone. The caller closes it, after the device has ended. */
  readonly imageFd: number;
  /** Nothing is ever written to the image. */
  readonly readOnly: boolean;
  readonly segment: CryptSegment;
  /** The UUID in the vetted header, which what the kernel shows of the vault is named after. */
  readonly luksUuid: string;
  /** The caller may wipe it as soon as the promise is there to be waited for. */
  readonly volumeKey: Buffer;
  /** A directory that no untrusted user can write, for what the engine mounts. */
  readonly folder: string;
};

/** How a device came to its end. */
export type DeviceEnd = {
  /** `released`: nobody uses it. `detached`: by `detach`. `failed`: what was not synced is lost. */
  readonly how: 'released' | 'detached' | 'failed';
  readonly error?: Error;
};

/**
 * Why the image did not take what was written: its disk or quota is full; a limit of file sizes; the disk reports another
 * error; the engine has ended.
 */
export type LossReason = 'full' | 'limit' | 'error' | 'ended';

/**
 * The plaintext of a segment.
 *
 * Its first `pinnedBytes`, in which the superblock lies, are read from the image once, before anybody is answered. What
 * the image's owner writes there later is not read before the next attachment, or at least not before `followImage`. So
 * a superblock that was vetted is the one that is mounted.
 */
export type AttachedDevice = {
  /** A regular file or a block device that nobody can read but this process and the programs that it confines. */
  readonly path: string;
  readonly kind: 'file' | 'device';
  readonly sizeBytes: number;
  /** It answers every write with an error. */
  readonly readOnly: boolean;
  /** What was written to the pinned bytes, and synced, is in the image and on its disk when this returns. */
  savePinned(): void;
  /** To be called when the file system is mounted, and its superblock in memory: the pinned bytes need not be kept. */
  followImage(): Promise<void>;
  /** Settles when the device is gone and the engine's memory of the key is wiped. Never rejects. */
  readonly ended: Promise<DeviceEnd>;
  /** Settles as soon as the image has not taken something that was written, where the engine can see it. */
  readonly lost: Promise<LossReason>;
  /**
   * Ends the device and waits for it. What still uses it after `graceMs` (default: a second) gets I/O errors from then
   * on. Throws a Failure (75) when the kernel does not let go.
   */
  detach(options?: {readonly graceMs?: number}): Promise<void>;
};
