import {readFile} from 'node:fs/promises';
import {homedir} from 'node:os';
import {join} from 'node:path';
import type {BackendContext} from 'tazpod/contract';
import {
  cliSessionExpired,
  cliSessionInKeyring,
  cliSessionLocked,
  noCliSession,
  otherServerOfCli,
  unknownCliSession,
} from './failures.ts';
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
  if (identity === undefined || identity === '') throw noCliSession();
  const url = readUrl(domain);
  if (url === undefined) throw unknownCliSession();
  if (settings.url !== undefined && settings.url !== url) {
    throw otherServerOfCli(url, settings.url);
  }
  if (config.vaultBackendType !== 'file') {
    throw cliSessionInKeyring();
  }
  const passphrase =
    config.vaultBackendPassphrase === undefined || config.vaultBackendPassphrase === ''
      ? Buffer.from(context.environment['INFISICAL_VAULT_FILE_PASSPHRASE'] ?? '')
      : Buffer.from(config.vaultBackendPassphrase, 'base64');
  const fileName = identity.replace(/[%/]/g, (character) => (character === '%' ? '%25' : '%2F'));
  // An address of dots alone would name another folder.
  if (/^\.*$/.test(fileName)) throw unknownCliSession();
  const sealed = await readFile(join(home, 'infisical-keyring', fileName), 'latin1').catch(() => {
    throw noCliSession();
  });
  const opened = await openJwe(sealed, passphrase);
  passphrase.fill(0);
  if (opened === undefined) {
    throw cliSessionLocked();
  }
  const token = tokenIn(opened);
  opened.fill(0);
  const expiresMs = token === undefined ? undefined : await expiryOf(token);
  if (token === undefined || expiresMs === undefined) throw unknownCliSession();
  if (expiresMs <= Date.now() + marginMs) {
    throw cliSessionExpired();
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
    throw noCliSession();
  });
  try {
    const config = JSON.parse(text) as Record<string, unknown>;
    const names = ['loggedInUserEmail', 'LoggedInUserDomain', 'vaultBackendType', 'vaultBackendPassphrase'];
    if (names.every((name) => ['string', 'undefined'].includes(typeof config[name]))) return config;
  } catch {
    // It says so below.
  }
  throw unknownCliSession();
}

function tokenIn(opened: Uint8Array): string | undefined {
  try {
    const {JTWToken: token} = JSON.parse(JSON.parse(Buffer.from(opened).toString('utf8')) as string) as {
      JTWToken?: unknown;
    };
    return typeof token === 'string' && isToken(token) ? token : undefined;
  } catch {
    return undefined;
  }
}
