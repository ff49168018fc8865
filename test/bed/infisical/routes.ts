import {makeToken, readToken, type TokenPayload} from './token.ts';
import {type Identity, type Project, type SecretFolder, type StoredSecret, type World} from './world.ts';

/** What a client asks for. */
export type Call = {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly authorization: string | undefined;
  /** As it came. */
  readonly body: Buffer;
};

/** What it is answered, before the headers that every answer has. */
export type Reply = {
  readonly status: number;
  readonly body: object;
  /** Lists have another kind of ETag. */
  readonly isList?: true;
  /** After what it takes for a bug of its own the server closes the connection. */
  readonly closes?: true;
};

/** The routes that are counted and that faults are set on. */
export type RouteName = 'login' | 'renew' | 'revoke' | 'list' | 'get' | 'create' | 'status' | 'other';

export type State = {
  readonly world: World;
  /** Signs the tokens. */
  readonly key: string;
  /** Ids of tokens. */
  readonly revoked: Set<string>;
  nowMs(): number;
};

const lockoutAfter = 3;
const lockoutMs = 300_000;
const lockoutForgetsMs = 30_000;

export function routeOf({method, path}: Pick<Call, 'method' | 'path'>): RouteName {
  const at = `${method} ${path}`;
  if (at === 'POST /api/v1/auth/universal-auth/login') return 'login';
  if (at === 'POST /api/v1/auth/token/renew') return 'renew';
  if (at === 'POST /api/v1/auth/token/revoke') return 'revoke';
  if (at === 'GET /api/status') return 'status';
  if (at === 'GET /api/v3/secrets/raw' || at === 'GET /api/v4/secrets') return 'list';
  if (/^GET \/api\/(v3\/secrets\/raw|v4\/secrets)\/[^/]+$/.test(at)) return 'get';
  if (/^POST \/api\/v3\/secrets\/raw\/[^/]+$/.test(at)) return 'create';
  return 'other';
}

/** The server's answer to one call, when nothing is broken. */
export function answer(state: State, call: Call): Reply {
  try {
    const route = routeOf(call);
    if (route === 'status') return status(state);
    if (route === 'other') return noRoute(call);
    if (route === 'login') return login(state, jsonBody(call, ['clientId', 'clientSecret']));
    if (route === 'renew') return renew(state, jsonBody(call, ['accessToken']));
    if (route === 'revoke') return revoke(state, jsonBody(call, ['accessToken']));
    return answerAboutSecrets(state, call, route);
  } catch (error) {
    if (error instanceof Refused) return error.reply;
    throw error;
  }
}

/** An error in the server's form. The id of the request is new each time. */
export function refusal(status: number, error: string, message: unknown, more: object = {}): Reply {
  return {status, body: {reqId: `req-${randomLetters()}`, statusCode: status, message, ...more, error}};
}

class Refused extends Error {
  readonly reply: Reply;

  constructor(...of: Parameters<typeof refusal>) {
    super(String(of[2]));
    this.reply = refusal(...of);
  }
}

function status(state: State): Reply {
  return {
    status: 200,
    body: {
      date: new Date(state.nowMs()).toISOString(),
      message: 'Ok',
      emailConfigured: false,
      inviteOnlySignup: true,
      redisConfigured: true,
      secretScanningConfigured: false,
      auditLogStorageDisabled: false,
      maxIdentityAccessTokenTTL: 7_776_000,
    },
  };
}

function noRoute({method, path}: Call): Reply {
  return {status: 404, body: {message: `Route ${method}:${path} not found`, error: 'Not Found', statusCode: 404}};
}

/** The strings of a JSON body. */
function jsonBody({body}: Call, names: readonly string[]): Record<string, string> {
  let given: Record<string, unknown>;
  try {
    given = JSON.parse(body.toString()) as Record<string, unknown>;
  } catch {
    throw new NotJson();
  }
  const wrong = names
    .filter((name) => typeof given[name] !== 'string')
    .map((name) => ({
      code: 'invalid_type',
      expected: 'string',
      received: given[name] === undefined ? 'undefined' : typeof given[name],
      path: [name],
      message: given[name] === undefined ? 'Required' : `Expected string, received ${typeof given[name]}`,
    }));
  if (wrong.length > 0) throw new Refused(422, 'ValidationFailure', wrong);
  return given as Record<string, string>;
}

class NotJson extends Refused {
  constructor() {
    super(500, 'InternalServerError', 'Something went wrong');
    Object.assign(this.reply, {closes: true});
  }
}

function login(state: State, {clientId, clientSecret}: Record<string, string>): Reply {
  const identity = state.world.identities.find((each) => each.clientId === clientId);
  if (identity === undefined) throw new Refused(401, 'UnauthorizedError', 'Invalid credentials');
  const now = state.nowMs();
  const {lockout} = identity;
  if (now < lockout.lockedUntilMs) {
    const locked = 'This identity auth method is temporarily locked, please try again later';
    throw new Refused(401, 'UnauthorizedError', locked);
  }
  const secret = identity.clientSecrets.find((each) => each.secret === clientSecret);
  if (secret === undefined) {
    const forgotten = now - lockout.latestFailureMs > lockoutForgetsMs;
    lockout.failures = forgotten ? 1 : lockout.failures + 1;
    lockout.latestFailureMs = now;
    if (lockout.failures >= lockoutAfter) lockout.lockedUntilMs = now + lockoutMs;
    throw new Refused(401, 'UnauthorizedError', 'Invalid credentials');
  }
  if (secret.usesLeft === 0) {
    throw new Refused(401, 'UnauthorizedError', 'Access denied due to client secret usage limit reached');
  }
  secret.usesLeft -= 1;
  identity.lockout = {failures: 0, latestFailureMs: 0, lockedUntilMs: 0};
  return tokenReply(state, identity);
}

function renew(state: State, {accessToken}: Record<string, string>): Reply {
  const {identity, payload} = checkToken(state, accessToken!);
  // A token that would outlive its maximum lifetime is deleted, although it is still good.
  if (state.nowMs() / 1000 + identity.tokenLifeSeconds > payload.creationEpoch + identity.tokenMaximumLifeSeconds) {
    state.revoked.add(payload.jti);
    throw new Refused(401, 'UnauthorizedError', 'Failed to renew MI access token due to Max TTL expiration');
  }
  return tokenReply(state, identity, payload);
}

function revoke(state: State, {accessToken}: Record<string, string>): Reply {
  state.revoked.add(checkToken(state, accessToken!).payload.jti);
  return {status: 200, body: {message: 'Successfully revoked access token'}};
}

function tokenReply(state: State, identity: Identity, earlier?: TokenPayload): Reply {
  return {
    status: 200,
    body: {
      accessToken: makeToken(state.key, identity, state.nowMs(), earlier),
      expiresIn: identity.tokenLifeSeconds,
      accessTokenMaxTTL: identity.tokenMaximumLifeSeconds,
      tokenType: 'Bearer',
    },
  };
}

function checkToken(state: State, token: string): {identity: Identity; payload: TokenPayload} {
  const payload = readToken(state.key, token, state.nowMs());
  if (typeof payload === 'string') throw new Refused(403, 'TokenError', payload);
  if (state.revoked.has(payload.jti)) {
    throw new Refused(401, 'UnauthorizedError', 'Failed to authorize: token has been revoked');
  }
  return {identity: state.world.identities.find(({id}) => id === payload.identityId)!, payload};
}

function answerAboutSecrets(state: State, call: Call, route: 'list' | 'get' | 'create'): Reply {
  const token = /^Bearer (.+)$/.exec(call.authorization ?? '')?.[1];
  if (token === undefined) throw new Refused(401, 'UnauthorizedError', 'Token missing');
  const {identity} = checkToken(state, token);
  const isV4 = call.path.startsWith('/api/v4/');
  const given = route === 'create' ? bodyFields(call) : (name: string) => call.query.get(name) ?? undefined;
  const project = projectOf(state, isV4 ? given('projectId') : given('workspaceId'), given('workspaceSlug'));
  const role = identity.roles.get(project.id);
  if (role === undefined) {
    const what = `You are not a member of this project with ID ${project.id}. `;
    const todo = 'Please assign this identity to the project with the appropriate permissions, then try again.';
    throw new Refused(403, 'ProjectMembershipNotFound', what + todo);
  }
  if (route === 'create') throw notAllowed('create');
  if (role === 'no-access') throw notAllowed('describeSecret');
  const place = {project, environment: given('environment') ?? '', path: normal(given('secretPath') ?? '/')};
  // The fourth version of the API has references and imports unless they are refused; the third has neither.
  const isOn = (name: string) => (given(name) ?? String(isV4)) === 'true';
  const expand = isOn('expandSecretReferences');
  const hide = given('viewSecretValue') === 'false';
  const shown = (secret: StoredSecret, from: Place) => {
    const value = expand ? expanded(project, from, secret.value) : secret.value;
    return {key: secret.key, value: hide ? '<hidden-by-infisical>' : value, hide};
  };
  const imports = isOn(isV4 ? 'includeImports' : 'include_imports');

  if (route === 'get') {
    const name = decodeURIComponent(call.path.split('/').at(-1)!);
    return get(place, name, imports, (secret, from) => ({secret: single(secret, from, shown(secret, from))}));
  }
  const folder = folderAt(place);
  if (folder === undefined) {
    const what = `Folder with path '${place.path}' in environment '${place.environment}' was not found. `;
    throw new Refused(
      404,
      'SecretPathNotFound',
      `${what}Please ensure the environment slug and secret path is correct.`,
    );
  }
  const tags = given('tagSlugs')?.split(',');
  const places = given('recursive') === 'true' ? placesBelow(place) : [place];
  const secrets = places
    .flatMap((each) => [...folderAt(each)!.secrets.values()].map((secret) => ({secret, from: each})))
    .filter(({secret}) => tags === undefined || secret.tags.some(({slug}) => tags.includes(slug)))
    .sort((a, b) => compare(a.secret.key, b.secret.key) || compare(a.from.path, b.from.path));
  return {
    status: 200,
    isList: true,
    body: {
      secrets: secrets.map(({secret, from}) => listed(secret, from, shown(secret, from))),
      imports: imports ? places.flatMap((each) => importsOf(each, shown)) : [],
    },
  };
}

function bodyFields(call: Call): (name: string) => string | undefined {
  const fields = jsonBody(call, []);
  return (name) => fields[name];
}

function projectOf({world}: State, id: string | undefined, slug: string | undefined): Project {
  if (id === undefined && slug === undefined) {
    throw new Refused(400, 'BadRequest', 'You must provide projectSlug or workspaceId');
  }
  const project = world.projects.find((each) => (id === undefined ? each.slug === slug : each.id === id));
  if (project !== undefined) return project;
  const what = `Project with ID '${id ?? slug ?? ''}' not found during bot lookup.`;
  throw new Refused(404, 'NotFound', `${what} Are you sure you are using the correct project ID?`);
}

function notAllowed(to: string): Refused {
  return new Refused(403, 'PermissionDenied', `You are not allowed to ${to} on secrets`, {details: []});
}

type Place = {readonly project: Project; readonly environment: string; readonly path: string};
type Shown = {readonly key: string; readonly value: string; readonly hide: boolean};

function get(
  place: Place,
  name: string,
  withImports: boolean,
  reply: (secret: StoredSecret, from: Place) => object,
): Reply {
  const folder = folderAt(place);
  if (folder === undefined) {
    const message = `Folder with path '${place.path}' in environment with slug '${place.environment}' not found`;
    throw new Refused(404, 'GetSecretByName', message);
  }
  const imported = withImports ? folder.imports.map((each) => ({project: place.project, ...each})) : [];
  for (const from of [place, ...imported]) {
    const secret = folderAt(from)?.secrets.get(name);
    if (secret !== undefined) return {status: 200, body: reply(secret, from)};
  }
  throw new Refused(404, 'NotFound', `Secret with name '${name}' not found`);
}

function folderAt({project, environment, path}: Place): SecretFolder | undefined {
  return project.environments.get(environment)?.get(path);
}

function placesBelow(place: Place): Place[] {
  const prefix = place.path === '/' ? '/' : `${place.path}/`;
  const paths = [...place.project.environments.get(place.environment)!.keys()];
  return paths.filter((path) => path === place.path || path.startsWith(prefix)).map((path) => ({...place, path}));
}

function importsOf(place: Place, shown: (secret: StoredSecret, from: Place) => Shown): object[] {
  return folderAt(place)!.imports.flatMap(({environment, path}) => {
    const from = {project: place.project, environment, path};
    const folder = folderAt(from);
    if (folder === undefined) return [];
    const secrets = [...folder.secrets.values()].sort((a, b) => compare(a.key, b.key));
    return [
      {
        secretPath: path,
        environment,
        folderId: folder.id,
        secrets: secrets.map((secret) => importedSecret(secret, from, shown(secret, from))),
      },
    ];
  });
}

/** `${NAME}` is a secret of the same folder, `${environment.folder.NAME}` one of another. */
function expanded(project: Project, from: Place, value: string, depth = 0): string {
  if (depth > 10) return value;
  return value.replace(/\$\{([^{}]+)\}/g, (whole, reference: string) => {
    const parts = reference.split('.');
    const name = parts.at(-1)!;
    const place =
      parts.length === 1 ? from : {project, environment: parts[0]!, path: `/${parts.slice(1, -1).join('/')}`};
    const secret = folderAt(place)?.secrets.get(parts.length === 1 ? reference : name);
    return secret === undefined ? whole : expanded(project, place, secret.value, depth + 1);
  });
}

/** The fields that every form of a secret begins with. */
function common({id, version}: StoredSecret, workspace: string, {environment}: Place, {key, value}: Shown): object {
  return {id, _id: id, workspace, environment, version, type: 'shared', secretKey: key, secretValue: value};
}

/** As it stands in a list. */
function listed(secret: StoredSecret, from: Place, shown: Shown): object {
  return {
    ...common(secret, from.project.id, from, shown),
    ...details(secret),
    secretPath: from.path,
    secretValueHidden: shown.hide,
    secretMetadata: [],
    tags: secret.tags,
  };
}

/** As it stands alone. */
function single(secret: StoredSecret, from: Place, shown: Shown): object {
  return {
    ...common(secret, from.project.id, from, shown),
    ...details(secret),
    secretValueHidden: shown.hide,
    secretPath: from.path,
    tags: secret.tags,
    secretMetadata: [],
  };
}

function importedSecret(secret: StoredSecret, from: Place, shown: Shown): object {
  return {
    ...common(secret, '', from, shown),
    secretComment: secret.comment,
    skipMultilineEncoding: false,
    isRotatedSecret: false,
    rotationId: null,
    secretValueHidden: shown.hide,
    secretMetadata: [],
  };
}

function details({comment, createdAt}: StoredSecret): object {
  return {
    secretComment: comment,
    secretReminderNote: null,
    secretReminderRepeatDays: null,
    skipMultilineEncoding: false,
    createdAt,
    updatedAt: createdAt,
    isRotatedSecret: false,
    rotationId: null,
  };
}

function normal(path: string): string {
  return `/${path
    .split('/')
    .filter((part) => part !== '')
    .join('/')}`;
}

/** By code units, as the server sorts: capital letters first. */
function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function randomLetters(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(14)), (byte) => alphabet[byte % alphabet.length]).join('');
}

const alphabet = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789';
