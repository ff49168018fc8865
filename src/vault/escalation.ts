import {execa} from 'execa';
import {existsSync} from 'node:fs';
import {exitCode} from '../lifecycle/exit-code.ts';
import {Failure} from '../lifecycle/failure.ts';
import type {Isolation} from '../lifecycle/plan.ts';

/** How the ghost is called, and what isolation that gives. */
export type Escalation = {
  readonly isolation: Isolation;
  /** What stands before the ghost's path on the command line. */
  readonly prefix: readonly string[];
  readonly environment: NodeJS.ProcessEnv;
  /** Why it is less than it could be. */
  readonly warning?: string;
};

const sudoPaths = ['/usr/bin/sudo', '/bin/sudo', '/usr/local/bin/sudo'];

/**
 * Decides how the ghost gets its privileges: as root it has them, sudo gives them, and without either it makes do with
 * the user's own namespaces. What was asked for is never silently replaced by less.
 */
export async function chooseEscalation(
  entry: string,
  asked: Isolation | undefined,
  canAsk: boolean,
): Promise<Escalation> {
  if (process.getuid!() === 0) {
    // Root is its own user here: what an outer sudo has left in the environment says nothing about this call.
    const {SUDO_UID: _uid, SUDO_GID: _gid, ...environment} = process.env;
    return {isolation: 'sealed', prefix: [], environment};
  }
  const own: Escalation = {isolation: 'private', prefix: [], environment: process.env};
  if (asked === 'private') return own;

  const sudo = sudoPaths.find((path) => existsSync(path));
  const refusal = sudo === undefined ? 'sudo is not installed' : await sudoRefusal(sudo, entry, canAsk);
  if (sudo !== undefined && refusal === undefined) {
    const prefix = canAsk ? [sudo, '--'] : [sudo, '--non-interactive', '--'];
    return {isolation: 'sealed', prefix, environment: process.env};
  }
  if (asked === 'sealed') {
    throw new Failure(exitCode.noPermission, 'A sealed session needs root.', {
      why: `${refusal}.`,
      next: 'tazpod doctor',
    });
  }
  return {
    ...own,
    warning: `The isolation is private, not sealed: ${refusal}. Other processes of yours can enter the session.`,
  };
}

/** Why sudo does not let this user run the ghost; undefined when it does, or may after asking for a password. */
async function sudoRefusal(sudo: string, entry: string, canAsk: boolean): Promise<string | undefined> {
  const {exitCode: code, stderr} = await execa(sudo, ['--non-interactive', '--list', '--', entry, '/plan'], {
    reject: false,
    stdin: 'ignore',
    env: {LC_ALL: 'C'},
  });
  if (code === 0) return undefined;
  if (!/password is required/.test(stderr)) return 'sudo does not let you run tazpod-ghost';
  return canAsk ? undefined : 'sudo asks for a password, and there is no terminal to type it at';
}
