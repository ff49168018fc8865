import type {BackendContext, Folder, FolderAnswer, Secret} from 'tazpod/contract';
import {type Client, connect, type Listed, type ListedSecret} from './client.ts';
import {quoted} from '../../../plugin-kit/quoted.ts';
import {mayOnlyList, valueIncomplete} from './failures.ts';
import {
  type About,
  explainList,
  explainLogin,
  explainToken,
  missingEnvironment,
  missingFolder,
  Refusal,
} from './refusal.ts';
import {anotherToken, chooseUrl, currentToken} from './session.ts';
import {readSettings} from './settings.ts';

/** Reads any folder with one request; with two more if the token has ended or something is missing. */
export async function readFolder(context: BackendContext, folder: Folder): Promise<FolderAnswer> {
  const settings = readSettings(context);
  const url = await chooseUrl(context, settings);
  warnOfPlainHttp(context, url);
  const client = await connect(context, settings, url);
  const environment = folder.environment ?? settings.environment;
  const path = normal(folder.path);
  const about: About = {url, settings, environment, path};
  const query = {
    environment,
    path,
    recursive: folder.recursive,
    values: true,
    ...(folder.validator !== undefined && isEtag(folder.validator) ? {validator: folder.validator} : {}),
  };

  let token: string;
  let listed: Listed | undefined;
  try {
    token = await currentToken(context, settings, url, client);
  } catch (error) {
    throw error instanceof Refusal ? explainLogin(error, about) : error;
  }
  try {
    listed = await client.list(token, query).catch(async (error: unknown) => {
      if (!(error instanceof Refusal) || !error.isAboutToken) throw error;
      const another = await anotherToken(context, settings, url, client).catch((failed: unknown) => {
        throw failed instanceof Refusal ? explainLogin(failed, about) : failed;
      });
      if (another === undefined) throw error;
      token = another;
      return client.list(another, query);
    });
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    if (error.isAboutToken) throw explainToken(error, about);
    if (error.status === 404 && error.kind === 'SecretPathNotFound') throw await tellApart(client, token, about);
    throw explainList(error, about);
  }
  if (listed === undefined) return {state: 'unchanged'};
  const secrets = secretsOf(listed, folder, path, context);
  return {state: 'read', secrets, ...(listed.etag === undefined ? {} : {validator: listed.etag})};
}

/** A missing environment and a missing folder get the same 404; an environment always has the folder `/`. */
async function tellApart(client: Client, token: string, about: About): Promise<Error> {
  if (about.path === '/') return missingEnvironment(about);
  try {
    await client.list(token, {environment: about.environment!, path: '/', recursive: false, values: false});
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    if (error.kind === 'SecretPathNotFound') return missingEnvironment(about);
  }
  return missingFolder(about);
}

/** Own secrets before imported ones, a personal one before the shared one. */
function secretsOf(listed: Listed, folder: Folder, path: string, context: BackendContext): Secret[] {
  const found = new Map<string, Secret>();
  const hidden: string[] = [];
  const take = (secret: ListedSecret, at: string) => {
    const key = `${at}\0${secret.secretKey}`;
    if (found.has(key)) return;
    if (secret.secretValueHidden === true) {
      if (!isWanted(folder, {name: secret.secretKey, path: at, value: Buffer.alloc(0)})) return;
      if (folder.optional === true) {
        hidden.push(secret.secretKey);
        return;
      }
      throw mayOnlyList(secret.secretKey);
    }
    if (!secret.secretValue.isWellFormed()) {
      throw valueIncomplete(secret.secretKey);
    }
    found.set(key, {name: secret.secretKey, path: at, value: Buffer.from(secret.secretValue, 'utf8')});
  };
  const own = [...listed.secrets].sort((a, b) => Number(b.type === 'personal') - Number(a.type === 'personal'));
  for (const secret of own) take(secret, normal(secret.secretPath ?? path));
  const imported = listed.imports.flatMap(({secrets}) => secrets);
  if (!folder.recursive) for (const secret of imported) take(secret, path);
  else if (imported.length > 0) {
    context.warn(
      `Imports below ${quoted(path)} are left out, because Infisical does not say which folder has them. To get them, pull that folder by itself.`,
    );
  }
  if (hidden.length > 0)
    context.warn(`Skipped, because this identity cannot read them: ${hidden.map(quoted).join(', ')}.`);
  const secrets = [...found.values()].filter((secret) => isWanted(folder, secret));
  warnOfReferences(secrets, context);
  return secrets;
}

function isWanted(folder: Folder, secret: Secret): boolean {
  if (folder.names?.includes(secret.name) === false) return false;
  return folder.isExcluded?.(secret) !== true;
}

/** Infisical leaves a reference as it is if it cannot resolve it, for example one to a folder that is not there. */
function warnOfReferences(secrets: readonly Secret[], context: BackendContext): void {
  const names = secrets
    .filter(({value}) => /\$\{[\w./-]+\}/.test(Buffer.from(value).toString('latin1')))
    .map(({name}) => quoted(name));
  if (names.length === 0) return;
  const more = names.length > 5 ? ` and ${names.length - 5} more` : '';
  context.warn(
    `Infisical did not resolve a reference \${…} in ${names.slice(0, 5).join(', ')}${more}: the text stays as it is.`,
  );
}

function warnOfPlainHttp(context: BackendContext, url: string): void {
  const {protocol, hostname} = new URL(url);
  if (protocol === 'https:' || /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(hostname)) return;
  context.warn(`${url} is not encrypted: anybody on the network path can read the token and the secrets. Use https.`);
}

function isEtag(text: string): boolean {
  return /^(W\/)?"[\x21\x23-\x7e]{0,200}"$/.test(text);
}

/** One slash at the beginning and none at the end. */
function normal(path: string): string {
  return `/${path
    .split('/')
    .filter((part) => part !== '')
    .join('/')}`;
}
