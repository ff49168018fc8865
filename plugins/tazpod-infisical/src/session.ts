import {readFile} from 'node:fs/promises';
import type {BackendContext} from 'tazpod/contract';
import {readCliSession} from './cli-session.ts';
import type {Client, NewToken} from './client.ts';
import {fileTooLarge, fileUnreadable, noTokenInFile, notLoggedIn, otherServer, sessionDamaged} from './failures.ts';
import {Refusal} from './refusal.ts';
import {cloudUrl, type Settings} from './settings.ts';
import {identityOf, isToken} from './token.ts';

/** What lies in the vault between two calls. */
export type Session = {
  /** The server that the token is for: to another one it is not shown. */
  readonly url: string;
  readonly token: string;
  /** Whether it was given by its user, and not got by logging in. */
  readonly given?: true;
  /** For the user to read. */
  readonly identity: string;
  /** Milliseconds since 1970, like the next one. */
  readonly expiresMs?: number;
  /** No renewal goes beyond. */
  readonly renewableUntilMs?: number;
  readonly lifeMs?: number;
  /** For `keep-client-secret`. */
  readonly credentials?: Credentials;
};

export type Credentials = {readonly clientId: string; readonly clientSecret: string};

const storedName = 'session';
const maximumFileBytes = 64 * 1024;

/** The server to go to: the one of the settings, or that of the CLI's session, or Infisical's own cloud. */
export async function chooseUrl(context: BackendContext, settings: Settings): Promise<string> {
  if (settings.url !== undefined) return settings.url;
  return settings.auth === 'cli' ? (await readCliSession(context, settings)).url : cloudUrl;
}

/** The token to use now: a stored one is renewed where it would soon end. */
export async function currentToken(
  context: BackendContext,
  settings: Settings,
  url: string,
  client: Client,
): Promise<string> {
  if (settings.auth === 'cli') return (await readCliSession(context, settings)).token;
  if (settings.tokenFile !== undefined) return readTokenFile(settings.tokenFile);
  const session = await readSession(context);
  if (session === undefined) {
    const fresh = await logInAgain(context, settings, url, client, undefined);
    if (fresh !== undefined) return fresh;
    throw notLoggedIn();
  }
  if (session.url !== url) {
    throw otherServer(session.url, url);
  }
  if (!isWorthRenewing(session, Date.now())) return session.token;
  try {
    return await renewed(context, session, client);
  } catch (error) {
    // As long as the token lasts, it is as good as before.
    if ((session.expiresMs ?? 0) > Date.now() && !(error instanceof Refusal)) return session.token;
    return (await logInAgain(context, settings, url, client, session)) ?? session.token;
  }
}

/** Another token after the server has refused this one; undefined if no other can be had. */
export async function anotherToken(
  context: BackendContext,
  settings: Settings,
  url: string,
  client: Client,
): Promise<string | undefined> {
  if (settings.auth !== 'universal-auth') return undefined;
  const session = await readSession(context);
  if (session !== undefined && session.url !== url) return undefined;
  try {
    if (session !== undefined && isRenewable(session, Date.now())) return await renewed(context, session, client);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
  }
  return logInAgain(context, settings, url, client, session);
}

export async function readSession({store}: BackendContext): Promise<Session | undefined> {
  const content = await store.read(storedName);
  if (content === undefined) return undefined;
  try {
    return JSON.parse(Buffer.from(content).toString('utf8')) as Session;
  } catch {
    throw sessionDamaged();
  }
}

export async function writeSession({store}: BackendContext, session: Session): Promise<void> {
  const content = Buffer.from(JSON.stringify(session));
  try {
    await store.write(storedName, content);
  } finally {
    content.fill(0);
  }
}

/** The session that a new token makes. */
export function sessionOf(fresh: NewToken, more: Pick<Session, 'url' | 'identity' | 'credentials'>): Session {
  const now = Date.now();
  const {maximumLifeMs} = fresh;
  return {
    ...more,
    token: fresh.token,
    lifeMs: fresh.lifeMs,
    expiresMs: now + fresh.lifeMs,
    ...(maximumLifeMs === undefined ? {} : {renewableUntilMs: now + maximumLifeMs}),
  };
}

/** Less than a third is left, and the server renews it. */
function isWorthRenewing(session: Session, nowMs: number): boolean {
  const {expiresMs, lifeMs} = session;
  if (expiresMs === undefined || lifeMs === undefined) return false;
  return expiresMs - nowMs < lifeMs / 3 && nowMs < expiresMs && isRenewable(session, nowMs);
}

/** The clock of the server may be a little ahead of this one. */
const clockToleranceMs = 2000;

/** The server deletes a token if a renewal would make it outlive its maximum lifetime: a live one would be lost. */
function isRenewable({lifeMs = 0, renewableUntilMs = Infinity, given}: Session, nowMs: number): boolean {
  return given !== true && nowMs + lifeMs + clockToleranceMs <= renewableUntilMs;
}

function renewed(context: BackendContext, session: Session, client: Client): Promise<string> {
  return once(context, 'renewal', async () => {
    const {token, lifeMs} = await client.renew(session.token);
    const expiresMs = Math.min(Date.now() + lifeMs, session.renewableUntilMs ?? Infinity);
    await writeSession(context, {...session, token, lifeMs, expiresMs});
    return token;
  });
}

/** Where the client secret is at hand, in the settings or in the vault. */
async function logInAgain(
  context: BackendContext,
  settings: Settings,
  url: string,
  client: Client,
  session: Session | undefined,
): Promise<string | undefined> {
  if (settings.auth !== 'universal-auth') return undefined;
  const {clientId, clientSecretFile} = settings;
  const credentials =
    session?.credentials ??
    (clientId === undefined || clientSecretFile === undefined
      ? undefined
      : {clientId, clientSecret: await readSecretFile(clientSecretFile, 'client-secret-file')});
  if (credentials === undefined) return undefined;
  return once(context, 'login', async () => {
    const fresh = await client.login(credentials.clientId, credentials.clientSecret);
    const identity = (await identityOf(fresh.token)) ?? credentials.clientId;
    const kept = session?.credentials === undefined ? {} : {credentials: session.credentials};
    await writeSession(context, sessionOf(fresh, {url, identity, ...kept}));
    return fresh.token;
  });
}

const running = new WeakMap<BackendContext['store'], Map<string, Promise<string>>>();

/**
 * One renewal and one login at a time, however many folders are read at once, and none after one that has failed:
 * three wrong logins lock the identity.
 */
function once({store}: BackendContext, what: string, work: () => Promise<string>): Promise<string> {
  const ofStore = running.get(store) ?? new Map<string, Promise<string>>();
  running.set(store, ofStore);
  const earlier = ofStore.get(what);
  if (earlier !== undefined) return earlier;
  const attempt = work();
  ofStore.set(what, attempt);
  void attempt.then(
    () => ofStore.delete(what),
    () => {},
  );
  return attempt;
}

async function readTokenFile(path: string): Promise<string> {
  const token = (await readSecretFile(path, 'token-file')).trim();
  if (isToken(token)) return token;
  throw noTokenInFile(path);
}

export async function readSecretFile(path: string, setting: string): Promise<string> {
  let content: Buffer;
  try {
    content = await readFile(path);
  } catch {
    throw fileUnreadable(setting, path);
  }
  if (content.length > maximumFileBytes) {
    throw fileTooLarge(setting, path);
  }
  const text = content.toString('utf8');
  content.fill(0);
  return withoutNewline(text);
}

/** Editors end files with a newline, and no client secret does. */
export function withoutNewline(text: string): string {
  return text.replace(/\r?\n$/, '');
}
