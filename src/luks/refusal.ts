import {exitCode} from '../foundation/exit-code.ts';
import type {ExitCode} from '../foundation/exit-code.ts';
import {shellWord} from '../foundation/shell-word.ts';

export type VettingLimits = {
  readonly imageSizeBytes: number;
  /** Memory that a key derivation may use here: `kdfMemoryLimitKiB()`. */
  readonly memoryLimitKiB: number;
  /** Path of the image, for the commands to type. */
  readonly imageName?: string;
};

export type Refusal = {
  readonly exitCode: ExitCode;
  readonly what: string;
  readonly why?: string;
  readonly next?: string;
};

/** The image is not one that TazPod opens. */
export function malformed(what: string, why: string, details: {readonly next?: string} = {}): Refusal {
  return {exitCode: exitCode.data, what, why, ...details};
}

/** A header that contradicts itself, or that no program writes. */
export function inconsistent(why: string, limits: VettingLimits, details: {readonly next?: string} = {}): Refusal {
  return malformed('The LUKS header of this image is invalid.', why, {next: restoreHeader(limits), ...details});
}

export function restoreHeader(limits: VettingLimits): string {
  return `If you have a backup of the header: cryptsetup luksHeaderRestore --header-backup-file FILE ${nameOf(limits)}`;
}

export function nameOf(limits: VettingLimits): string {
  return limits.imageName === undefined ? 'IMAGE' : shellWord(limits.imageName);
}
