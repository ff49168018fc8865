import type {FileAttributes} from './protocol.ts';
import type {ServedSegment} from './segment.ts';

/**
 * What the ghost and the process that serves its block file agree on. The process gets this order as its one argument,
 * the volume key through standard input, and two descriptors; it says `ready` when it waits for requests, and ends when
 * the kernel ends the connection, with 0 or with the code of a loss.
 */
export type ServerOrder = {
  readonly segment: Omit<ServedSegment, 'ivTweak'> & {readonly ivTweak: string};
  readonly attributes: Omit<FileAttributes, 'sizeBytes'>;
  readonly keySizeBytes: number;
  /** Whose ids it takes, for good, when it has read its program; without them it keeps those that it has. */
  readonly ids?: {readonly uid: number; readonly gid: number};
  readonly threads: number;
  /** Who mounts the file. Until that is done, the server has nothing but this process to end with. */
  readonly parentPid: number;
};

/** Descriptors of the server process. */
export const imageFd = 3;
export const fuseFd = 4;

export const ready = 'ready\n';

/** What it says, once, when the image has not taken something that was written: `lost ENOSPC`. */
export const lossWord = 'lost ';

/** Something that was written did not reach the image: EX_IOERR of sysexits.h. */
export const lossExitCode = 74;
