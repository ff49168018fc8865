import {realpathSync, statSync} from 'node:fs';
import {userInfo} from 'node:os';
import {join} from 'node:path';
import {noOwnHome} from './failures.ts';
import {printable} from '../foundation/printable.ts';

/** The user's home, and a warning about it. */
export type OwnHome = {readonly home: string; readonly remark?: string};

/**
 * `HOME` if it is a directory of the user's own, else the home of the login name database. CI containers set another
 * one than the database has; after `su` and `sudo -E` it may be somebody else's. Throws a Failure (66) if none is
 * found.
 */
export function findOwnHome(environment: NodeJS.ProcessEnv = process.env, uid = process.getuid!()): OwnHome {
  const named = environment['HOME'] || undefined;
  const own = named === undefined ? undefined : ownDirectory(named, uid);
  if (own !== undefined) return {home: own};
  const account = accountHome();
  const home = account === undefined ? undefined : ownDirectory(account, uid);
  if (home !== undefined) {
    const remark = `HOME is ${printable(named ?? '', 400)}, which is not your own directory. TazPod uses ${home}.`;
    return named === undefined ? {home} : {home, remark};
  }
  const why = [
    named === undefined ? 'HOME is not set' : `HOME is ${printable(named, 400)}, which is not your own directory`,
    account === undefined
      ? `user ${uid} is not in the login name database`
      : `the login name database says ${account}, which is not one either`,
  ];
  throw noOwnHome(why);
}

/**
 * Where the user's configuration is: `$XDG_CONFIG_HOME/tazpod`, or the same below the user's own home. A relative
 * XDG_CONFIG_HOME is invalid, says XDG. Throws a Failure (66) if there is no home.
 */
export function userConfigFolder(environment = process.env, home?: string): string {
  const folder = environment['XDG_CONFIG_HOME'];
  return join(folder?.startsWith('/') ? folder : join(home ?? findOwnHome(environment).home, '.config'), 'tazpod');
}

/**
 * Where plugins and what belongs to them are kept: `$XDG_DATA_HOME/tazpod`, or the same below the user's own home, which
 * `HOME` need not name. A relative XDG_DATA_HOME is invalid, says XDG. Throws a Failure (66) if there is no home.
 */
export function userDataFolder(environment: NodeJS.ProcessEnv = process.env): string {
  const folder = environment['XDG_DATA_HOME'];
  return join(folder?.startsWith('/') ? folder : join(findOwnHome(environment).home, '.local/share'), 'tazpod');
}

/** Where what TazPod has seen is noted, by the same rule: `$XDG_STATE_HOME/tazpod`. */
export function userStateFolder(environment: NodeJS.ProcessEnv = process.env): string {
  const folder = environment['XDG_STATE_HOME'];
  return join(folder?.startsWith('/') ? folder : join(findOwnHome(environment).home, '.local/state'), 'tazpod');
}

function ownDirectory(path: string, uid: number): string | undefined {
  try {
    const real = realpathSync(path);
    const stat = statSync(real);
    return path.startsWith('/') && stat.isDirectory() && stat.uid === uid ? real : undefined;
  } catch {
    return undefined;
  }
}

function accountHome(): string | undefined {
  try {
    return userInfo().homedir;
  } catch {
    return undefined;
  }
}
