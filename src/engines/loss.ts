import {dirname} from 'node:path';
import {exitCode} from '../lifecycle/exit-code.ts';
import {Failure} from '../lifecycle/failure.ts';
import type {LossReason} from './engine.ts';

const sentences: Readonly<Record<LossReason, {what: string; why: string; next: (imagePath: string) => string}>> = {
  full: {
    what: 'The disk refused to store data of the vault.',
    why: 'It is full, or the quota of its owner is used up.',
    next: (imagePath) => `df -h ${dirname(imagePath)}`,
  },
  limit: {
    what: 'The kernel refused to store data of the vault.',
    why: 'The image is larger than the limit of file sizes allows.',
    next: () => 'ulimit -f unlimited',
  },
  error: {
    what: 'The disk refused to store data of the vault.',
    why: 'It reports errors.',
    next: () => 'sudo dmesg | tail',
  },
  ended: {
    what: 'The process that served the vault has ended.',
    why: 'It was killed, or the machine ran out of memory.',
    next: () => 'tazpod unlock',
  },
};

/** What is said when the image did not take what was written to the vault. The vault is not damaged by that. */
export function lossFailure(reason: LossReason, imagePath: string, cause?: unknown): Failure {
  const {what, why, next} = sentences[reason];
  return new Failure(exitCode.ioError, what, {
    why: `${why} Data that was not synced before that is lost.`,
    next: next(imagePath),
    ...(cause === undefined ? {} : {cause}),
  });
}

/** What is said when such a limit is met before anything could be written. */
export function fileSizeLimited(cause: unknown): Failure {
  return new Failure(exitCode.ioError, 'The limit of file sizes is too low for a vault.', {
    why: 'The ghost cannot lift it here: it is a hard limit, and root lacks the capability SYS_RESOURCE.',
    next: 'ulimit -Hf',
    cause,
  });
}

/** The same while the session still runs. */
export function lossAlarm(reason: LossReason): string {
  const {what, why} = sentences[reason];
  return `${what} ${why} Save your work outside the vault, then leave the session.`;
}
