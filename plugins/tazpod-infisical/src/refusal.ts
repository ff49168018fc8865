import type {BackendError} from 'tazpod/contract';
import {
  identityLocked,
  invalidCredentials,
  mayNotRead,
  noSuchEnvironment,
  noSuchFolder,
  noSuchProject,
  notAMember,
  requestRefused,
  secretUsedUp,
  serverFailed,
  sessionExpired,
  sessionRevoked,
  tokenRejected,
  unknownRequest,
  wrongCredentials,
} from './failures.ts';
import type {Settings} from './settings.ts';
import type {Answered} from './transport.ts';

/** A no of the server, as it says it: for us to understand, not to be shown. */
export class Refusal extends Error {
  readonly status: number;
  /** The server's name for the kind of error. */
  readonly kind: string;
  /** Its sentence. */
  readonly sentence: string;

  constructor({status, json}: Answered) {
    super(`the server refuses with ${status}`);
    const {error, message} = (json ?? {}) as {error?: unknown; message?: unknown};
    this.status = status;
    this.kind = typeof error === 'string' ? error : '';
    this.sentence = typeof message === 'string' ? message : '';
  }

  /**
   * The token is the reason: another one may help. Servers up to the middle of 2024 say 403 of a token they do not
   * take, 500 of one that has expired, and 401 of a permission that is missing.
   */
  get isAboutToken(): boolean {
    if (this.isAboutPermission) return false;
    if (this.status === 401) return true;
    if (this.status === 403)
      return /^(TokenError|Unauthorized(Error)?|JsonWebTokenError|TokenExpiredError)$/.test(this.kind);
    return this.status === 500 && /^(jwt |invalid (token|signature))/.test(this.sentence);
  }

  /** The token is good, and may not do this. */
  get isAboutPermission(): boolean {
    return (this.status === 403 || this.status === 401) && this.kind === 'PermissionDenied';
  }
}

/** What was asked for, for the sentences. */
export type About = {
  readonly url: string;
  readonly settings: Settings;
  readonly environment?: string;
  readonly path?: string;
};

/** A refused login, in a sentence and the command that helps. */
export function explainLogin(refusal: Refusal, {url}: About): BackendError {
  const {status: given, sentence} = refusal;
  // Older servers refuse a login with 403.
  const status = refusal.isAboutToken ? 401 : given;
  if (status === 401 && /temporarily locked/.test(sentence)) {
    return identityLocked();
  }
  if (status === 401 && /usage limit/.test(sentence)) {
    return secretUsedUp();
  }
  if (status === 401) {
    return wrongCredentials();
  }
  if (status === 422) {
    return invalidCredentials();
  }
  return explainRest(refusal, url);
}

/** A refused token. */
export function explainToken({kind, sentence}: Refusal, {settings}: About): BackendError {
  const next = {
    'universal-auth': 'tazpod login',
    'access-token': settings.tokenFile === undefined ? 'tazpod login' : 'Put a new token into the token-file.',
    cli: 'infisical login',
  }[settings.auth];
  if (/expired/.test(sentence)) return sessionExpired(next);
  if (/revoked/.test(sentence)) {
    return sessionRevoked(next);
  }
  const why = kind === 'TokenError' ? 'It is not a token of this server, or it is damaged.' : 'The reason is unknown.';
  return tokenRejected(why, next);
}

/** A refused list, but for the token and for what a probe has to tell apart. */
export function explainList(refusal: Refusal, about: About): BackendError {
  const {status, kind, sentence} = refusal;
  const {settings, url} = about;
  if (kind === 'ProjectMembershipNotFound') {
    return notAMember(settings.project);
  }
  if (status === 403 || refusal.isAboutPermission) {
    return mayNotRead(about.environment ?? '', about.path ?? '');
  }
  if (status === 404 && /bot lookup|^Project/.test(sentence)) {
    return noSuchProject(settings.project, url);
  }
  return explainRest(refusal, url);
}

export function missingEnvironment({environment = '', settings}: About): BackendError {
  return noSuchEnvironment(settings.project, environment);
}

export function missingFolder({environment = '', path = ''}: About): BackendError {
  return noSuchFolder(environment, path);
}

/** What is left: an error that the API has for everybody, or one that nobody has told us of. */
function explainRest({status, kind}: Refusal, url: string): BackendError {
  if (status === 404 && kind === 'Not Found') {
    return unknownRequest(url);
  }
  const named = /^[A-Za-z ]{1,40}$/.test(kind) ? ` (${kind})` : '';
  if (status >= 500) {
    return serverFailed(url, status, named);
  }
  return requestRefused(url, status, named);
}
