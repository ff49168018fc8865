import {printable} from '../../config/printable.ts';
import type {LoginAnswer, LoginRequest} from '../../contract/index.ts';
import {exitCode} from '../../lifecycle/exit-code.ts';
import {Failure} from '../../lifecycle/failure.ts';
import {audit} from '../audit.ts';
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
  const names = able.map(({definition}) => definition.name).join(', ');
  if (name !== undefined) {
    const chosen = able.find(({definition}) => definition.name === name);
    if (chosen !== undefined) return chosen;
    const known = backends.has(name);
    throw new Failure(
      exitCode.usage,
      known ? `The backend ${name} needs no ${needs}.` : `No secret in secrets.yml uses a backend ${printable(name)}.`,
      {
        ...(names === '' ? {} : {next: `tazpod ${needs} ${names.split(', ')[0]!}`}),
      },
    );
  }
  const only = able.find(({definition}) => definition.name === standard) ?? (able.length === 1 ? able[0] : undefined);
  if (only !== undefined) return only;
  throw new Failure(
    exitCode.usage,
    able.length === 0 ? `No backend in secrets.yml needs a ${needs}.` : `There are several backends: ${names}.`,
    {
      next: able.length === 0 ? 'tazpod pull' : `tazpod ${needs} ${able[0]!.definition.name}`,
    },
  );
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
 * Ends the session at the store, then in the vault. If the store cannot be told, the session stays: it is still alive
 * there, and what is forgotten here nobody can end. `forget` gives it up all the same.
 */
export async function logout(opened: OpenedBackend, forget: boolean): Promise<void> {
  try {
    await callBackend(opened, 'log out', async () => opened.backend.logout?.(opened.context));
  } catch (error) {
    if (!forget) throw stillLoggedIn(opened, error);
  }
  opened.store.clear();
  audit(opened.mountPoint, 'logout', [opened.definition.name]);
}

function stillLoggedIn({definition: {name}}: OpenedBackend, error: unknown): unknown {
  if (!(error instanceof Failure)) return error;
  return new Failure(error.code, error.message, {
    why: `${error.why === undefined ? '' : `${error.why} `}The session with ${name} stays open.`,
    next: `tazpod logout ${name}, when the backend is reachable; --forget only deletes the session here`,
    cause: error,
  });
}
