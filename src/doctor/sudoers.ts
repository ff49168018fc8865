/** Where the rule belongs. sudo skips files there whose name has a dot or ends in `~`. */
export const sudoersPath = '/etc/sudoers.d/tazpod';

export type SudoersRequest = {
  /** The user who may, and the number that stands for a name that sudoers would read as something else. */
  readonly userName: string;
  readonly uid: number;
  /** The real path of bin/tazpod-ghost. */
  readonly entry: string;
  readonly securePath: readonly string[];
  /** What the installed sudo understands. Default: all of sudo. */
  readonly dialect?: SudoersDialect;
};

/** `sudo`: the original, with all of its settings. `common`: what sudo-rs understands too. */
export type SudoersDialect = 'sudo' | 'common';

/**
 * The content of a sudoers file that lets one user run the privileged half of TazPod as root without a password, and
 * nothing else. Undefined for a path with characters that mean something to sudoers(5).
 *
 * Any arguments are allowed. The entry takes one, the path of a plan, and trusts neither it nor the plan; a pattern
 * could only be wider than that check, because `*` in sudoers matches blanks too. The entry puts them after the name of
 * Node's program, where Node takes none of them for an option of its own.
 *
 * sudo-rs has neither `env_check`, `setenv`, `requiretty` nor recording as settings of a command, and closes descriptors
 * by itself; a setting that it does not know it reports at every call. So it gets the rest.
 *
 * - `env_reset`, no `env_keep`, `!setenv`: no variable of the caller's reaches the entry but TERM. It gives Node an
 *   environment of its own anyway.
 * - `secure_path`: as the entry, which looks for Node in root's directories only.
 * - `closefrom`: no open file of the caller's is inherited.
 * - `!log_input`, `!log_output`: where sudo records sessions, it would record the passphrase and the secrets.
 * - `!use_pty`: the session has a terminal of its own already; one more relay only delays keys.
 */
export function sudoersFile({userName, uid, entry, securePath, dialect = 'sudo'}: SudoersRequest): string | undefined {
  if (!/^(?:\/[A-Za-z0-9._@+-]+)+$/.test(entry)) return undefined;
  // A word in capitals would be an alias, and ALL everybody.
  const user = /^[a-z_][a-z0-9_-]{0,31}$/.test(userName) ? userName : `#${uid}`;
  const path = `secure_path = "${securePath.join(':')}"`;
  const defaults = {
    sudo: `Defaults!${entry} env_reset, env_keep = "TERM", !env_check, !setenv, ${path}
Defaults!${entry} closefrom = 3, !requiretty, !use_pty, !log_input, !log_output`,
    common: `Defaults!${entry} env_keep = "TERM", ${path}, !use_pty`,
  };
  return `# TazPod: ${user} opens vaults as root without a password. TazPod still asks for the vault's passphrase.
# This is safe only as long as ${user} cannot change ${entry}: see "tazpod doctor".
${defaults[dialect]}
${user} ALL = (root) NOPASSWD: NOSETENV: ${entry}
`;
}
