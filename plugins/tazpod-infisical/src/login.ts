import type {BackendContext, BackendError, LoginAnswer, LoginRequest} from 'tazpod/contract';
import {readCliSession} from './cli-session.ts';
import {connect} from './client.ts';
import {credentialsMissing, noLoginNeeded, notAToken} from './failures.ts';
import {explainLogin, Refusal} from './refusal.ts';
import {
  chooseUrl,
  readSecretFile,
  readSession,
  type Session,
  sessionOf,
  withoutNewline,
  writeSession,
} from './session.ts';
import {readSettings, type Settings} from './settings.ts';
import {expiryOf, identityOf, isToken} from './token.ts';

/** Logs in as the settings say, and keeps the token in the vault. A wrong secret is not tried a second time. */
export async function login(context: BackendContext, request: LoginRequest): Promise<LoginAnswer> {
  const settings = readSettings(context);
  if (settings.auth === 'cli') {
    const {identity, expiresMs} = await readCliSession(context, settings);
    return answer(identity, expiresMs);
  }
  const url = await chooseUrl(context, settings);
  return settings.auth === 'access-token'
    ? keepToken(context, request, settings, url)
    : logIn(context, request, settings, url);
}

/** Ends the session at the server too, where it was begun by logging in. A token that was given stays its giver's. */
export async function logout(context: BackendContext): Promise<void> {
  const settings = readSettings(context);
  const session = await readSession(context).catch(ifDamaged);
  if (session === undefined || session.given === true) return;
  const client = await connect(context, settings, session.url);
  try {
    await client.revoke(session.token);
  } catch (error) {
    // A token that the server no longer accepts is as good as revoked.
    if (!(error instanceof Refusal)) throw error;
    if (!error.isAboutToken) throw explainLogin(error, {url: session.url, settings});
  }
}

/** A session that cannot be read can be forgotten. */
function ifDamaged(error: unknown): Session | undefined {
  if ((error as {tazpod?: BackendError['tazpod']} | null)?.tazpod?.kind === 'not-logged-in') return undefined;
  throw error;
}

async function logIn(
  context: BackendContext,
  request: LoginRequest,
  settings: Settings,
  url: string,
): Promise<LoginAnswer> {
  const given = request.identity ?? settings.clientId ?? (await request.ask('Client id of the machine identity:'));
  const clientId = given.trim();
  const {clientSecretFile: file} = settings;
  // The file holds the secret of the identity that the settings name, and of no other one.
  const isOfFile = request.secret === undefined && file !== undefined && clientId === settings.clientId;
  const secret = isOfFile
    ? Buffer.from(await readSecretFile(file, 'client-secret-file'))
    : (request.secret ?? (await request.askSecret('Client secret:')));
  const clientSecret = withoutNewline(Buffer.from(secret).toString('utf8'));
  if (clientId === '' || clientSecret === '') {
    throw credentialsMissing();
  }
  const client = await connect(context, settings, url);
  const fresh = await client.login(clientId, clientSecret).catch((error: unknown) => {
    throw error instanceof Refusal ? explainLogin(error, {url, settings}) : error;
  });
  const identity = (await identityOf(fresh.token)) ?? clientId;
  const credentials = settings.keepClientSecret ? {credentials: {clientId, clientSecret}} : {};
  const session = sessionOf(fresh, {url, identity, ...credentials});
  await writeSession(context, session);
  return answer(identity, session.expiresMs);
}

async function keepToken(
  context: BackendContext,
  request: LoginRequest,
  settings: Settings,
  url: string,
): Promise<LoginAnswer> {
  if (settings.tokenFile !== undefined) {
    throw noLoginNeeded();
  }
  const secret = request.secret ?? (await request.askSecret('Access token:'));
  const token = Buffer.from(secret).toString('utf8').trim();
  if (!isToken(token)) throw notAToken();
  const identity = (await identityOf(token)) ?? request.identity ?? 'an access token';
  const expiresMs = await expiryOf(token);
  await writeSession(context, {url, token, identity, given: true, ...(expiresMs === undefined ? {} : {expiresMs})});
  return answer(identity, expiresMs);
}

function answer(identity: string, expiresMs: number | undefined): LoginAnswer {
  return {identity, ...(expiresMs === undefined ? {} : {expires: new Date(expiresMs).toISOString()})};
}
