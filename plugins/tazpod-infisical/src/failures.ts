import type {BackendError} from 'tazpod/contract';
import {failure} from '../../../plugin-kit/failure.ts';
import {quoted} from '../../../plugin-kit/quoted.ts';

// Settings and files

export function invalidSettings(problems: readonly string[]): BackendError {
  return failure('settings', 'The settings for Infisical in secrets.yml are invalid.', {
    why: problems.join(' '),
    next: 'tazpod secrets check',
  });
}

export function fileUnreadable(setting: string, path: string): BackendError {
  return failure('unavailable', `The ${setting} ${quoted(path)} cannot be read.`);
}

export function fileTooLarge(setting: string, path: string): BackendError {
  return failure('settings', `The ${setting} ${quoted(path)} is too large to be one.`);
}

export function noTokenInFile(path: string): BackendError {
  return failure('settings', `The token-file ${quoted(path)} holds no token.`);
}

export function certificatesUnreadable(path: string): BackendError {
  return failure('unavailable', `The ca-file ${quoted(path)} cannot be read.`);
}

export function noCertificates(path: string): BackendError {
  return failure('settings', `The ca-file ${quoted(path)} holds no certificate in PEM form.`);
}

export function invalidProxy(): BackendError {
  return failure('settings', 'The proxy that the environment names has no valid address.', {
    next: 'Check HTTPS_PROXY and HTTP_PROXY.',
  });
}

export function unsupportedSdk(): BackendError {
  return failure('unavailable', 'The installed @infisical/sdk is not a version that tazpod-infisical supports.', {
    next: 'tazpod plugins update',
  });
}

// The connection

export function cancelled(server: string): BackendError {
  return failure('unreachable', `The request to ${server} was cancelled.`);
}

export function timedOut(server: string, timeoutMs: number): BackendError {
  return failure('unreachable', `${server} did not answer within ${timeoutMs / 1000} s.`, {
    next: 'Try again, or use a longer --timeout.',
  });
}

export function unreachable(server: string, code: string): BackendError {
  const reasons: Readonly<Record<string, string>> = {
    ECONNREFUSED: 'Nothing listens there.',
    ENOTFOUND: 'The host name does not exist.',
    EAI_AGAIN: 'The host name cannot be looked up: is there a network?',
    ECONNRESET: 'The connection broke off.',
    ENETUNREACH: 'There is no route to it: is there a network?',
    EHOSTUNREACH: 'There is no route to it: is there a network?',
  };
  return failure('unreachable', `${server} cannot be reached.`, {
    why: reasons[code] ?? (/^[A-Z0-9_]+$/.test(code) ? `The system says ${code}.` : 'The connection failed.'),
    next: 'Check the network and url in secrets.yml, and try again.',
  });
}

export function untrustedCertificate(server: string, code: string): BackendError {
  return failure('unreachable', `The certificate of ${server} is not trusted.`, {
    why: `Node says ${code}.`,
    next: 'Set ca-file in secrets.yml, or NODE_EXTRA_CA_CERTS, to the certificate of your own authority.',
  });
}

export function overloaded(server: string, seconds: number, status: number): BackendError {
  return failure('unreachable', `${server} accepts no requests for ${seconds} s.`, {
    why: status === 429 ? 'Its limit for requests is reached.' : 'It says that it is overloaded or down.',
    next: `Try again in ${seconds} s.`,
  });
}

export function answerTooLarge(server: string): BackendError {
  return failure('unreachable', `${server} sent an answer that is too large.`);
}

export function redirected(server: string, target: string | undefined): BackendError {
  return failure(
    'unreachable',
    `${server} redirects ${target === undefined ? 'to another address' : `to ${quoted(target)}`}.`,
    {
      why: 'TazPod does not send a token to the target of a redirection.',
      next: 'Set url in secrets.yml to the right address.',
    },
  );
}

export function serverUnavailable(server: string, status: number): BackendError {
  return failure('unreachable', `${server} is unavailable: it answers with ${status}.`, {next: 'Try again later.'});
}

export function notJson(server: string, isPage: boolean): BackendError {
  return failure(
    'unreachable',
    `${server} answers with ${isPage ? 'a web page' : 'something else'}, not as Infisical.`,
    {
      why: 'A captive portal or a proxy may want its own login first, or url is another site.',
      next: `Open ${server} in a browser, and check url in secrets.yml.`,
    },
  );
}

export function invalidJson(server: string): BackendError {
  return failure('unreachable', `${server} sent invalid JSON.`, {next: 'Try again.'});
}

/** A 200 that is JSON and yet nothing that Infisical says. */
export function notInfisical(url: string): BackendError {
  return failure('unreachable', `${url} does not answer like Infisical.`, {
    next: 'Check url in secrets.yml.',
  });
}

export function unknownRequest(url: string): BackendError {
  return failure('unreachable', `${url} does not know this request.`, {
    why: 'It is another program, or a version of Infisical that is too old or too new.',
    next: 'Check url in secrets.yml.',
  });
}

export function serverFailed(url: string, status: number, named: string): BackendError {
  return failure('unreachable', `${url} failed: ${status}${named}.`, {next: 'Try again later.'});
}

export function requestRefused(url: string, status: number, named: string): BackendError {
  return failure('unreachable', `${url} refused the request: ${status}${named}.`, {next: 'tazpod secrets check'});
}

// Login and session

export function credentialsMissing(): BackendError {
  return failure('settings', 'Infisical needs a client id and a client secret.', {next: 'tazpod login'});
}

export function noLoginNeeded(): BackendError {
  return failure('settings', 'No login is needed: TazPod reads the token from the token-file.', {
    next: 'tazpod pull',
  });
}

export function notAToken(): BackendError {
  return failure('settings', 'This is not an access token.', {next: 'tazpod login'});
}

export function identityLocked(): BackendError {
  return failure('no-permission', `Infisical has temporarily locked this identity.`, {
    why: 'Three wrong client secrets in a row do that, for five minutes unless the server says otherwise. Until then, Infisical refuses the right one too.',
    next: 'tazpod login',
  });
}

export function secretUsedUp(): BackendError {
  return failure('no-permission', 'This client secret has reached its usage limit.', {
    next: 'Create a new client secret for the identity in Infisical, then: tazpod login',
  });
}

export function wrongCredentials(): BackendError {
  return failure('no-permission', 'Infisical rejected this client id with this client secret.', {
    why: 'One of them is wrong, or the secret was revoked. After three wrong ones Infisical temporarily locks the identity.',
    next: 'tazpod login',
  });
}

export function invalidCredentials(): BackendError {
  return failure('settings', 'Infisical rejected the format of this client id or client secret.', {
    next: 'tazpod login',
  });
}

export function notLoggedIn(): BackendError {
  return failure('not-logged-in', 'You are not logged in to Infisical.', {next: 'tazpod login'});
}

export function otherServer(ofSession: string, wanted: string): BackendError {
  return failure('not-logged-in', `The session is with ${quoted(ofSession)}, not with ${quoted(wanted)}.`, {
    why: 'secrets.yml names a different server than at login.',
    next: 'tazpod login',
  });
}

export function sessionDamaged(): BackendError {
  return failure('not-logged-in', 'The stored session with Infisical is damaged.', {next: 'tazpod login'});
}

export function sessionExpired(next: string): BackendError {
  return failure('not-logged-in', 'The session with Infisical has expired.', {next});
}

export function sessionRevoked(next: string): BackendError {
  return failure('not-logged-in', 'The session with Infisical was ended by the server.', {next});
}

export function tokenRejected(why: string, next: string): BackendError {
  return failure('not-logged-in', 'Infisical rejected the token.', {why, next});
}

// The session of the Infisical CLI

export function noCliSession(): BackendError {
  return failure('not-logged-in', 'The Infisical CLI has no session here.', {
    why: 'In the vault its directories ~/.infisical and ~/infisical-keyring are the vault’s own.',
    next: 'infisical login',
  });
}

export function otherServerOfCli(ofSession: string, wanted: string): BackendError {
  return failure('not-logged-in', `The Infisical CLI is logged in to ${quoted(ofSession)}, not to ${quoted(wanted)}.`, {
    next: `infisical login --domain ${wanted}`,
  });
}

export function cliSessionInKeyring(): BackendError {
  return failure('unavailable', 'The Infisical CLI keeps its session in the keyring of the desktop.', {
    why: 'There it is outside of the vault, and TazPod does not read it.',
    next: 'infisical vault set file && infisical login',
  });
}

export function cliSessionLocked(): BackendError {
  return failure('unavailable', 'The session of the Infisical CLI cannot be opened.', {
    why: 'Its passphrase is neither in its configuration nor in INFISICAL_VAULT_FILE_PASSPHRASE, or its format is unknown.',
    next: 'infisical login',
  });
}

export function cliSessionExpired(): BackendError {
  return failure('not-logged-in', 'The session of the Infisical CLI has expired.', {next: 'infisical login'});
}

export function unknownCliSession(): BackendError {
  return failure('unavailable', 'The session of the Infisical CLI has a format that TazPod does not know.', {
    next: 'tazpod plugins update',
  });
}

// Reading secrets

export function noSuchProject(project: string, url: string): BackendError {
  return failure('not-found', `There is no project with the id ${quoted(project)}.`, {
    why: `${url} does not have it. The id of a project is a UUID, not its name.`,
    next: 'Copy the id from the settings of the project in Infisical to project in secrets.yml.',
  });
}

export function notAMember(project: string): BackendError {
  return failure('no-permission', `This identity is not a member of the project ${quoted(project)}.`, {
    next: 'Add the identity to the project in Infisical (Access Control), with a role that can read secrets.',
  });
}

export function mayNotRead(environment: string, path: string): BackendError {
  return failure(
    'no-permission',
    `This identity cannot read the secrets of ${quoted(path)} in ${quoted(environment)}.`,
    {
      next: 'Give the identity a role in the project that can read secrets there.',
    },
  );
}

export function noSuchEnvironment(project: string, environment: string): BackendError {
  return failure(
    'not-found',
    `The project ${quoted(project)} has no environment ${quoted(environment)} that this identity can see.`,
    {
      why: 'TazPod needs the short name (slug) of an environment: dev, staging, prod.',
      next: 'Check environment in secrets.yml.',
    },
  );
}

export function noSuchFolder(environment: string, path: string): BackendError {
  return failure('not-found', `The environment ${quoted(environment)} has no folder ${quoted(path)}.`, {
    next: 'Check path in secrets.yml.',
  });
}

export function mayOnlyList(name: string): BackendError {
  return failure('no-permission', `This identity can list ${quoted(name)}, but not read it.`, {
    next: 'Give the identity a role in the project that can read the values of secrets.',
  });
}

export function valueIncomplete(name: string): BackendError {
  return failure('unreachable', `The value of ${quoted(name)} arrived incomplete.`);
}
