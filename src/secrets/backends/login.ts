import {printable} from '../../foundation/printable.ts';
import type {LoginAnswer, LoginRequest} from '../../contract/index.ts';
import {Failure} from '../../foundation/failure.ts';
import {audit} from '../vault-directory/audit.ts';
import {backendWithout, noSingleBackend, staysLoggedIn} from '../failures.ts';
import {callBackend, type OpenedBackend} from './backends.ts';

/** People take their time at a prompt. */
const loginLimitMs = 10 * 60_000;

/**
 * The backend that is meant: the named one, else the standard of `secrets.yml`, else the only one that one can log in to.
 * Throws a Failure (64).
 */
export function chooseBackend(
  backends: ReadonlyMap<string, OpenedBackend>,
  name: string | undefined,
  needs: 'login' | 'logout',
  standard?: string,
): OpenedBackend {
  const able = [...backends.values()].filter(({backend}) => backend[needs] !== undefined);
  const names = able.map(({definition}) => definition.name);
  if (name !== undefined) {
    const chosen = able.find(({definition}) => definition.name === name);
    if (chosen !== undefined) return chosen;
    throw backendWithout(name, needs, backends.has(name), names);
  }
  const only = able.find(({definition}) => definition.name === standard) ?? (able.length === 1 ? able[0] : undefined);
  if (only !== undefined) return only;
  throw noSingleBackend(needs, names);
}

/** Logs in. The secret is wiped. */
export async function login(opened: OpenedBackend, request: LoginRequest): Promise<LoginAnswer> {
  try {
    const answer = await callBackend(
      opened,
      'log in',
      () => opened.backend.login!(opened.context, request),
      loginLimitMs,
    );
    audit(opened.mountPoint, 'login', [opened.definition.name]);
    return {...answer, identity: printable(answer.identity, 200)};
  } finally {
    request.secret?.fill(0);
  }
}

/**
 * Ends the session at the store, then in the vault. If the store cannot be reached, the session stays: it is still
 * alive there, and what is forgotten here nobody can end. `forget` gives it up all the same.
 */
export async function logout(opened: OpenedBackend, forget: boolean): Promise<void> {
  try {
    await callBackend(opened, 'log out', async () => opened.backend.logout?.(opened.context));
  } catch (error) {
    if (!forget) throw error instanceof Failure ? staysLoggedIn(opened.definition.name, error) : error;
  }
  opened.store.clear();
  audit(opened.mountPoint, 'logout', [opened.definition.name]);
}
