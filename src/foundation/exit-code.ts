/**
 * The exit codes of TazPod, those of sysexits.h (`man 3 sysexits.h-head`) and one of our own.
 *
 * A session that ran returns its own code instead, a signal as 128+N.
 */
export const exitCode = {
  /** The command line was wrong. */
  usage: 64,
  /** Not a usable vault, or a malformed file. */
  data: 65,
  /** No such vault. */
  noInput: 66,
  /** A tool or kernel feature is missing. */
  unavailable: 69,
  /** A bug of TazPod. */
  software: 70,
  /** Cannot create: no space, or something is there already. */
  cannotCreate: 73,
  /** What was written, or the image itself, did not stay where it was put. */
  ioError: 74,
  /** Busy: open already, or being opened. */
  busy: 75,
  /** Wrong passphrase, or no permission. */
  noPermission: 77,
  /** The configuration is wrong. */
  config: 78,
  /** The vault was locked under the session. Not in sysexits.h; the first number after its last. */
  locked: 79,
} as const;

export type ExitCode = (typeof exitCode)[keyof typeof exitCode];
