import type {BackendContext} from 'tazpod/contract';
import {notInfisical, unsupportedSdk} from './failures.ts';
import {Refusal} from './refusal.ts';
import type {Settings} from './settings.ts';
import {isToken} from './token.ts';
import {type Answered, makeTransport} from './transport.ts';

/** What an Infisical server is asked. Each rejects with a `BackendError`, or with a `Refusal` that the server gave. */
export type Client = {
  login(clientId: string, clientSecret: string): Promise<NewToken>;
  renew(token: string): Promise<NewToken>;
  revoke(token: string): Promise<void>;
  /** Everything in one folder, imports too, references resolved; undefined when nothing has changed. */
  list(token: string, query: ListQuery): Promise<Listed | undefined>;
};

export type NewToken = {
  readonly token: string;
  readonly lifeMs: number;
  /** From the login until no renewal is possible; absent if the server sets no end. */
  readonly maximumLifeMs?: number;
};

export type ListQuery = {
  readonly environment: string;
  readonly path: string;
  readonly recursive: boolean;
  /** False: names only. */
  readonly values: boolean;
  /** An ETag. */
  readonly validator?: string;
};

export type Listed = {
  readonly secrets: readonly ListedSecret[];
  readonly imports: readonly {readonly secrets: readonly ListedSecret[]}[];
  readonly etag?: string;
};

export type ListedSecret = {
  readonly secretKey: string;
  readonly secretValue: string;
  /** Absent in imports. */
  readonly secretPath?: string;
  /** `personal` ones stand in for the shared one of the same name. */
  readonly type?: string;
  /** The identity may know of it and not read it; the value is a placeholder then. */
  readonly secretValueHidden?: boolean;
};

/** The part of the SDK's own HTTP client that is replaced. */
type Seam = {
  defaultHeaders: Record<string, string>;
  request(method: string, url: string, body: string | undefined, config?: SeamConfig): Promise<unknown>;
};
type SeamConfig = {readonly params?: object; readonly headers?: Readonly<Record<string, string>>};

const jsonType = {'content-type': 'application/json'};

/**
 * The SDK, which knows the API, on our own transport, which knows time limits, ETags and certificates. It is imported
 * here and nowhere else: it takes a tenth of a second, and most commands need no Infisical.
 */
export async function connect(context: BackendContext, settings: Settings, url: string): Promise<Client> {
  const transport = await makeTransport({
    url: new URL(url),
    timeoutMs: context.timeoutMs,
    signal: context.signal,
    environment: context.environment,
    ...(settings.caFile === undefined ? {} : {caFile: settings.caFile}),
  });
  const {InfisicalSDK} = await import('@infisical/sdk');
  const sdk = new InfisicalSDK({siteUrl: url});
  const seam = (sdk as unknown as {apiClient?: Partial<Seam>}).apiClient;
  if (typeof seam?.request !== 'function' || typeof seam.defaultHeaders !== 'object') {
    throw unsupportedSdk();
  }

  // The SDK keeps of an answer its body and of an error a sentence; here the whole of them is kept.
  let answered: Answered | undefined;
  let trouble: unknown;
  let validator: string | undefined;
  const client = seam as Seam;
  client.request = async (method, path, body, config) => {
    const target = new URL(`${url}${path}`);
    for (const [name, value] of Object.entries(config?.params ?? {})) {
      if (value !== undefined && value !== null) target.searchParams.append(name, String(value));
    }
    // A token that has ended has no business in the request for a new one.
    const authorization = path.startsWith('/api/v1/auth/') ? {} : client.defaultHeaders;
    const headers = {
      ...authorization,
      ...config?.headers,
      ...(validator === undefined ? {} : {'if-none-match': validator}),
    };
    try {
      answered = await transport({method, url: target, headers, ...(body === undefined ? {} : {body})});
    } catch (error) {
      trouble = error;
      throw error;
    }
    if (answered.status < 200 || answered.status >= 300) throw new Error('no answer for the SDK');
    return answered.json;
  };
  const ask = async (work: () => Promise<unknown>, ifNoneMatch?: string): Promise<Answered> => {
    answered = undefined;
    trouble = undefined;
    validator = ifNoneMatch;
    await work().catch((error: unknown) => (trouble ??= error));
    const answer = answered as Answered | undefined;
    if (answer === undefined) throw trouble;
    if (answer.status !== 304 && (answer.status < 200 || answer.status >= 300)) throw new Refusal(answer);
    return answer;
  };

  return {
    login: async (clientId, clientSecret) =>
      readToken(await ask(() => sdk.auth().universalAuth.login({clientId, clientSecret})), url),
    renew: async (token) => readToken(await ask(() => sdk.auth().accessToken(token).auth().universalAuth.renew()), url),
    revoke: async (token) => {
      // The SDK has no word for this one.
      const body = JSON.stringify({accessToken: token});
      await ask(() => client.request('POST', '/api/v1/auth/token/revoke', body, {headers: jsonType}));
    },
    list: async (token, {environment, path, recursive, values, validator: earlier}) => {
      sdk.auth().accessToken(token);
      const answer = await ask(
        () =>
          sdk.secrets().listSecrets({
            projectId: settings.project,
            environment,
            secretPath: path,
            recursive,
            includeImports: true,
            expandSecretReferences: true,
            viewSecretValue: values,
          }),
        earlier,
      );
      if (answer.status === 304) return undefined;
      const {secrets, imports} = (answer.json ?? {}) as {secrets?: unknown; imports?: unknown};
      if (!isListOf(secrets, isSecret)) throw notInfisical(url);
      if (!isListOf(imports ?? [], isImport)) throw notInfisical(url);
      return {
        secrets,
        imports: (imports ?? []) as Listed['imports'],
        ...(answer.etag === undefined ? {} : {etag: answer.etag}),
      };
    },
  };
}

function readToken({json}: Answered, url: string): NewToken {
  const given = (json ?? {}) as {accessToken?: unknown; expiresIn?: unknown; accessTokenMaxTTL?: unknown};
  const {accessToken: token, expiresIn, accessTokenMaxTTL: maximum} = given;
  if (typeof token !== 'string' || !isToken(token) || typeof expiresIn !== 'number') throw notInfisical(url);
  return {
    token,
    lifeMs: expiresIn * 1000,
    ...(typeof maximum === 'number' && maximum > 0 ? {maximumLifeMs: maximum * 1000} : {}),
  };
}

function isListOf<T>(value: unknown, is: (each: unknown) => each is T): value is T[] {
  return Array.isArray(value) && value.every(is);
}

function isSecret(value: unknown): value is ListedSecret {
  const {secretKey, secretValue, secretPath} = (value ?? {}) as Record<string, unknown>;
  return (
    typeof secretKey === 'string' &&
    typeof secretValue === 'string' &&
    (secretPath === undefined || typeof secretPath === 'string')
  );
}

function isImport(value: unknown): value is Listed['imports'][number] {
  return isListOf((value as {secrets?: unknown} | null)?.secrets, isSecret);
}
