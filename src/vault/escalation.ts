import {spawn} from 'node:child_process';
import {existsSync} from 'node:fs';
import {readProcessStatus} from '../kernel/process-record.ts';
import type {Isolation} from '../lifecycle/plan.ts';
import {sealedNeedsRoot} from './failures.ts';

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
 * Decides how the ghost gets its privileges: as root it has them, sudo gives them, and without either it works with
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

  const refusal = await refusalToBecomeRoot(entry, canAsk);
  if ('sudo' in refusal) {
    const prefix = canAsk ? [refusal.sudo, '--'] : [refusal.sudo, '--non-interactive', '--'];
    return {isolation: 'sealed', prefix, environment: process.env};
  }
  if (asked === 'sealed') {
    throw sealedNeedsRoot(refusal.why);
  }
  return {
    ...own,
    warning: `The isolation is private, not sealed: ${refusal.why}. Other processes of yours can enter the session.`,
  };
}

/** The sudo that lets this user run the ghost, or may after asking for a password; or why none does. */
async function refusalToBecomeRoot(
  entry: string,
  canAsk: boolean,
): Promise<{readonly sudo: string} | {readonly why: string}> {
  const sudo = sudoPaths.find((path) => existsSync(path));
  if (sudo === undefined) return {why: 'sudo is not installed'};
  // Set inside a ghost and in many containers: sudo cannot become root there with any rules.
  if (readProcessStatus('self')?.noNewPrivileges === true) {
    return {why: 'this process has no_new_privs set, so it cannot become root'};
  }
  try {
    if (await succeeds(sudo, '--', entry, '/plan')) return {sudo};
    // It answers a question about its rules without a password, and its answer was no.
    if (await succeeds(sudo)) return {why: 'sudo does not let you run tazpod-ghost'};
  } catch (error) {
    return {why: `sudo could not be started (${(error as NodeJS.ErrnoException).code ?? 'unknown error'})`};
  }
  // Both to those who may and to those who may not, sudo says no more than this before it has seen a password.
  return canAsk ? {sudo} : {why: 'sudo needs a password, and there is no terminal to ask for it'};
}

/**
 * Whether sudo lists its rules, or allows a command, without a password. Only its exit code counts: the words differ
 * between sudo, sudo-rs and languages.
 */
function succeeds(sudo: string, ...command: readonly string[]): Promise<boolean> {
  return new Promise((resolve, reject) => {
    // Without a working directory of its own: the user's may be one that the user cannot enter by its name.
    const child = spawn(sudo, ['--non-interactive', '--list', ...command], {stdio: 'ignore'});
    child.once('error', reject);
    child.once('exit', (code) => resolve(code === 0));
  });
}
