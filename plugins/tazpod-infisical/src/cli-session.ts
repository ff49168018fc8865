import {readFile} from 'node:fs/promises';
import {homedir} from 'node:os';
import {join} from 'node:path';
import type {BackendContext} from 'tazpod/contract';
import {failure, quoted} from './failure.ts';
import {openJwe} from './jwe.ts';
import {readUrl, type Settings} from './settings.ts';
import {expiryOf, isToken} from './token.ts';

/** The session of a user who has logged in with `infisical login`. */
export type CliSession = {
  readonly url: string;
  readonly token: string;
  /** An e-mail address. */
  readonly identity: string;
  /** Milliseconds since 1970. */
  readonly expiresMs: number;
};

/** The CLI itself takes a token for ended when it has no more than this. */
const marginMs = 30_000;

/**
 * Reads the session that an installed Infisical CLI keeps when its vault is of the kind `file`. As its sources say
 * (github.com/Infisical/cli: packages/models/cli.go and packages/util; github.com/Infisical/go-keyring):
 *
 * - `~/.infisical/infisical-config.json` names the user, the server and the kind of vault, and holds the passphrase of
 *   the file vault in base64 where the CLI has made it up itself; otherwise INFISICAL_VAULT_FILE_PASSPHRASE is it;
 * - `~/infisical-keyring/E-MAIL`, with `/` and `%` percent-encoded, is a JSON Web Encryption of a JSON string, which
 *   is JSON itself, with the token in `JTWToken`.
 *
 * The CLI does not renew such a token, so neither is it done here.
 */
export async function readCliSession(context: BackendContext, settings: Settings): Promise<CliSession> {
  const home = context.environment['HOME'] ?? homedir();
  const config = await readConfig(join(home, '.infisical/infisical-config.json'));
  const {loggedInUserEmail: identity, LoggedInUserDomain: domain = 'https://app.infisical.com/api'} = config;
  if (identity === undefined || identity === '') throw notLoggedIn();
  const url = readUrl(domain);
  if (url === undefined) throw notUnderstood();
  if (settings.url !== undefined && settings.url !== url) {
    throw failure(
      'not-logged-in',
      `The Infisical CLI is logged in to ${quoted(url)}, not to ${quoted(settings.url)}.`,
      {
        next: `infisical login --domain ${settings.url}`,
      },
    );
  }
  if (config.vaultBackendType !== 'file') {
    throw failure('unavailable', 'The Infisical CLI keeps its session in the keyring of the desktop.', {
      why: 'There it is outside of the vault, and TazPod does not read it.',
      next: 'infisical vault set file && infisical login',
    });
  }
  const passphrase =
    config.vaultBackendPassphrase === undefined || config.vaultBackendPassphrase === ''
      ? Buffer.from(context.environment['INFISICAL_VAULT_FILE_PASSPHRASE'] ?? '')
      : Buffer.from(config.vaultBackendPassphrase, 'base64');
  const fileName = identity.replace(/[%/]/g, (character) => (character === '%' ? '%25' : '%2F'));
  // An address of dots alone would name another folder.
  if (/^\.*$/.test(fileName)) throw notUnderstood();
  const sealed = await readFile(join(home, 'infisical-keyring', fileName), 'latin1').catch(() => {
    throw notLoggedIn();
  });
  const opened = await openJwe(sealed, passphrase);
  passphrase.fill(0);
  if (opened === undefined) {
    throw failure('unavailable', 'The session of the Infisical CLI cannot be opened.', {
      why: 'Its passphrase is neither in its configuration nor in INFISICAL_VAULT_FILE_PASSPHRASE, or its format is unknown.',
      next: 'infisical login',
    });
  }
  const token = tokenIn(opened);
  opened.fill(0);
  const expiresMs = token === undefined ? undefined : expiryOf(token);
  if (token === undefined || expiresMs === undefined) throw notUnderstood();
  if (expiresMs <= Date.now() + marginMs) {
    throw failure('not-logged-in', 'The session of the Infisical CLI has expired.', {next: 'infisical login'});
  }
  return {url, token, identity, expiresMs};
}

type Config = {
  readonly loggedInUserEmail?: string;
  readonly LoggedInUserDomain?: string;
  readonly vaultBackendType?: string;
  readonly vaultBackendPassphrase?: string;
};

async function readConfig(path: string): Promise<Config> {
  const text = await readFile(path, 'utf8').catch(() => {
    throw notLoggedIn();
  });
  try {
    const config = JSON.parse(text) as Record<string, unknown>;
    const names = ['loggedInUserEmail', 'LoggedInUserDomain', 'vaultBackendType', 'vaultBackendPassphrase'];
    if (names.every((name) => ['string', 'undefined'].includes(typeof config[name]))) return config;
  } catch {
    // It says so below.
  }
  throw notUnderstood();
}

function tokenIn(opened: Buffer): string | undefined {
  try {
    const {JTWToken: token} = JSON.parse(JSON.parse(opened.toString('utf8')) as string) as {JTWToken?: unknown};
    return typeof token === 'string' && isToken(token) ? token : undefined;
  } catch {
    return undefined;
  }
}

function notLoggedIn(): Error {
  return failure('not-logged-in', 'The Infisical CLI has no session here.', {
    why: 'In the vault its directories ~/.infisical and ~/infisical-keyring are the vault’s own.',
    next: 'infisical login',
  });
}

function notUnderstood(): Error {
  return failure('unavailable', 'The session of the Infisical CLI has a format that TazPod does not know.', {
    next: 'tazpod plugins update',
  });
}
