import {homedir} from 'node:os';
import {join, resolve} from 'node:path';
import type {BackendContext} from 'tazpod/contract';
import {quoted} from '../../../plugin-kit/quoted.ts';
import {invalidSettings} from './failures.ts';

/** How the backend gets a token: from a client id and secret, as a token that is given, or from the Infisical CLI. */
export type Auth = 'universal-auth' | 'access-token' | 'cli';

export type Settings = {
  /** Id of the project. */
  readonly project: string;
  /** Without a slash at the end, and without `/api`. Absent: the setting is not given. */
  readonly url?: string;
  readonly environment: string;
  readonly auth: Auth;
  readonly clientId?: string;
  /** Absolute. */
  readonly clientSecretFile?: string;
  /**
   * The client secret that was used to log in stays in the vault, so that TazPod can start a new session when one has
   * ended.
   */
  readonly keepClientSecret: boolean;
  /** Absolute. */
  readonly tokenFile?: string;
  /** Absolute; PEM. */
  readonly caFile?: string;
};

/** Where the Infisical CLI goes when it is not told. */
export const cloudUrl = 'https://app.infisical.com';

const methods: readonly string[] = ['universal-auth', 'access-token', 'cli'] satisfies Auth[];

/** Each name of a setting, and the names that it has besides: the first is what the seeds' `secrets.yml` says. */
const names: Readonly<Record<string, readonly string[]>> = {
  project: ['infisical_project_id', 'project-id'],
  url: ['infisical_url'],
  environment: [],
  auth: [],
  'client-id': [],
  'client-secret-file': [],
  'keep-client-secret': [],
  'token-file': [],
  'ca-file': [],
};

/** What is wrong with the settings, a sentence each. */
export function checkSettings(given: BackendContext['settings']): readonly string[] {
  return understand(given, '/', '/').problems;
}

/** What a session belongs to: the server, the project and who logs in, however the settings spell it. */
export function sessionIdentity(given: BackendContext['settings']): string {
  const {url, project, auth, clientId} = understand(given, '/', '/').understood;
  return JSON.stringify([url ?? (auth === 'cli' ? 'cli' : cloudUrl), project.toLowerCase(), auth, clientId ?? '']);
}

/** Files that these settings have read, and the server that gets their contents. */
export function needsTrust(given: BackendContext['settings']): readonly string[] {
  const {understood} = understand(given, '/', '/');
  const server = understood.url ?? cloudUrl;
  const file = (setting: string) => quoted(String(given[setting]));
  return [
    ...(understood.clientSecretFile === undefined
      ? []
      : [`sends the content of the file ${file('client-secret-file')} to ${server}`]),
    ...(understood.tokenFile === undefined ? [] : [`sends the content of the file ${file('token-file')} to ${server}`]),
    ...(understood.caFile === undefined
      ? []
      : [`trusts the certificates in ${file('ca-file')} to speak for ${server}`]),
  ];
}

/** The settings, or a `BackendError` with everything that is wrong with them. */
export function readSettings({settings, projectFolder, environment}: BackendContext): Settings {
  const {problems, understood} = understand(settings, projectFolder, environment['HOME'] ?? homedir());
  if (problems.length > 0) {
    throw invalidSettings(problems);
  }
  return understood;
}

function understand(given: BackendContext['settings'], projectFolder: string, home: string) {
  const problems: string[] = [];
  const known = Object.entries(names).flatMap(([name, others]) => [name, ...others]);
  for (const name of Object.keys(given).filter((each) => !known.includes(each))) {
    problems.push(`${quoted(name)} is not a setting of this backend.`);
  }
  const value = (name: string): unknown => {
    const there = [name, ...names[name]!].filter((each) => given[each] !== undefined && given[each] !== null);
    if (there.length > 1) problems.push(`${there.join(' and ')} are the same setting: use one of them.`);
    return there[0] === undefined ? undefined : given[there[0]];
  };
  const text = (name: string): string | undefined => {
    const found = value(name);
    if (found === undefined || (typeof found === 'string' && found !== '')) return found;
    problems.push(`${name} must be a string.`);
    return undefined;
  };
  const path = (name: string): string | undefined => {
    const found = text(name);
    if (found === undefined) return undefined;
    return found.startsWith('~/') ? join(home, found.slice(2)) : resolve(projectFolder, found);
  };

  const project = text('project');
  if (project === undefined && value('project') === undefined) {
    problems.push('project is missing: the id of the project, from its settings in Infisical.');
  } else if (project !== undefined && !/^[A-Za-z0-9-]{1,64}$/.test(project)) {
    problems.push('project must be the id of a project, of letters, digits and "-".');
  }
  const auth = text('auth') ?? 'universal-auth';
  if (!methods.includes(auth)) problems.push(`auth must be one of ${methods.join(', ')}.`);
  const keep = value('keep-client-secret') ?? false;
  if (typeof keep !== 'boolean') problems.push('keep-client-secret must be true or false.');
  const givenUrl = text('url');
  const url = givenUrl === undefined ? undefined : readUrl(givenUrl);
  if (givenUrl !== undefined && url === undefined) {
    problems.push('url must be the address of a server, as https://infisical.example.com.');
  }
  const isGiven = (name: string) => given[name] !== undefined && given[name] !== null;
  if (isGiven('token-file') && auth !== 'access-token') problems.push('token-file needs auth: access-token.');
  for (const name of ['client-id', 'client-secret-file', 'keep-client-secret'].filter(isGiven)) {
    if (auth !== 'universal-auth') problems.push(`${name} needs auth: universal-auth.`);
  }
  if (isGiven('client-secret-file') && !isGiven('client-id')) problems.push('client-secret-file needs client-id.');
  const understood: Settings = {
    project: project ?? '',
    environment: text('environment') ?? 'dev',
    auth: auth as Auth,
    keepClientSecret: keep === true,
    ...present({
      url,
      clientId: text('client-id'),
      clientSecretFile: path('client-secret-file'),
      tokenFile: path('token-file'),
      caFile: path('ca-file'),
    }),
  };
  return {problems, understood};
}

/** The address without what the SDK cannot stand: a slash, or `/api`, at the end. */
export function readUrl(given: string): string | undefined {
  const url = URL.parse(given);
  if (url === null || !['http:', 'https:'].includes(url.protocol)) return undefined;
  if (url.username !== '' || url.password !== '' || url.search !== '' || url.hash !== '') return undefined;
  return `${url.origin}${url.pathname.replace(/\/+$/, '').replace(/\/api$/, '')}`.replace(/\/+$/, '');
}

function present<T extends object>(fields: T): {[K in keyof T]?: NonNullable<T[K]>} {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: NonNullable<T[K]>;
  };
}
