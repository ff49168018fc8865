import type {BackendError} from 'tazpod/contract';
import {failure, quoted} from './failure.ts';
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

/** A 200 that is JSON and yet nothing that Infisical says. */
export function notInfisical(url: string): BackendError {
  return failure('unreachable', `${url} does not answer like Infisical.`, {
    next: 'Check url in secrets.yml.',
  });
}

/** A refused login, in a sentence and the command that helps. */
export function explainLogin(refusal: Refusal, {url}: About): BackendError {
  const {status: given, sentence} = refusal;
  // Older servers refuse a login with 403.
  const status = refusal.isAboutToken ? 401 : given;
  if (status === 401 && /temporarily locked/.test(sentence)) {
    return failure('no-permission', `Infisical has temporarily locked this identity.`, {
      why: 'Three wrong client secrets in a row do that, for five minutes unless the server says otherwise. Until then, Infisical refuses the right one too.',
      next: 'Wait five minutes, then: tazpod login',
    });
  }
  if (status === 401 && /usage limit/.test(sentence)) {
    return failure('no-permission', 'This client secret has reached its usage limit.', {
      next: 'Create a new client secret for the identity in Infisical, then: tazpod login',
    });
  }
  if (status === 401) {
    return failure('no-permission', 'Infisical rejected this client id with this client secret.', {
      why: 'One of them is wrong, or the secret was revoked. After three wrong ones Infisical temporarily locks the identity.',
      next: 'tazpod login',
    });
  }
  if (status === 422) {
    return failure('settings', 'Infisical rejected the format of this client id or client secret.', {
      next: 'tazpod login',
    });
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
  if (/expired/.test(sentence)) return failure('not-logged-in', 'The session with Infisical has expired.', {next});
  if (/revoked/.test(sentence)) {
    return failure('not-logged-in', 'The session with Infisical was ended by the server.', {next});
  }
  const why = kind === 'TokenError' ? 'It is not a token of this server, or it is damaged.' : 'The reason is unknown.';
  return failure('not-logged-in', 'Infisical rejected the token.', {why, next});
}

/** A refused list, but for the token and for what a probe has to tell apart. */
export function explainList(refusal: Refusal, about: About): BackendError {
  const {status, kind, sentence} = refusal;
  const {settings, url} = about;
  const project = quoted(settings.project);
  if (kind === 'ProjectMembershipNotFound') {
    return failure('no-permission', `This identity is not a member of the project ${project}.`, {
      next: 'Add the identity to the project in Infisical (Access Control), with a role that can read secrets.',
    });
  }
  if (status === 403 || refusal.isAboutPermission) {
    return failure('no-permission', `This identity cannot read ${place(about)}.`, {
      next: 'Give the identity a role in the project that can read secrets there.',
    });
  }
  if (status === 404 && /bot lookup|^Project/.test(sentence)) {
    return failure('not-found', `There is no project with the id ${project}.`, {
      why: `${url} does not have it. The id of a project is a UUID, not its name.`,
      next: 'Copy the id from the settings of the project in Infisical to project in secrets.yml.',
    });
  }
  return explainRest(refusal, url);
}

export function missingEnvironment({environment = '', settings}: About): BackendError {
  return failure(
    'not-found',
    `The project ${quoted(settings.project)} has no environment ${quoted(environment)} that this identity can see.`,
    {
      why: 'TazPod needs the short name (slug) of an environment: dev, staging, prod.',
      next: 'Check environment in secrets.yml.',
    },
  );
}

export function missingFolder({environment = '', path = ''}: About): BackendError {
  return failure('not-found', `The environment ${quoted(environment)} has no folder ${quoted(path)}.`, {
    next: 'Check path in secrets.yml.',
  });
}

/** What is left: an error that the API has for everybody, or one that nobody has told us of. */
function explainRest({status, kind}: Refusal, url: string): BackendError {
  if (status === 404 && kind === 'Not Found') {
    return failure('unreachable', `${url} does not know this request.`, {
      why: 'It is another program, or a version of Infisical that is too old or too new.',
      next: 'Check url in secrets.yml.',
    });
  }
  const named = /^[A-Za-z ]{1,40}$/.test(kind) ? ` (${kind})` : '';
  if (status >= 500) {
    return failure('unreachable', `${url} failed: ${status}${named}.`, {next: 'Try again later.'});
  }
  return failure('unreachable', `${url} refused the request: ${status}${named}.`, {next: 'tazpod secrets check'});
}

function place({environment = '', path = ''}: About): string {
  return `the secrets of ${quoted(path)} in ${quoted(environment)}`;
}
