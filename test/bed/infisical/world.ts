import {randomBytes, randomUUID} from 'node:crypto';

/** What the double holds: projects with their secrets, and machine identities that may log in. */
export type World = {
  readonly projects: Project[];
  readonly identities: Identity[];
};

export type Project = {
  readonly id: string;
  readonly slug: string;
  /** Slug of an environment → path of a folder → the folder. A new environment has the folder `/`. */
  readonly environments: Map<string, Map<string, SecretFolder>>;
};

export type SecretFolder = {
  readonly id: string;
  readonly secrets: Map<string, StoredSecret>;
  /** Folders of the same project whose secrets count here where the folder has none of that name. */
  readonly imports: {readonly environment: string; readonly path: string}[];
};

export type StoredSecret = {
  readonly id: string;
  readonly version: number;
  readonly key: string;
  /** As it is stored, references unexpanded. */
  readonly value: string;
  readonly comment: string;
  /** ISO 8601. */
  readonly createdAt: string;
  readonly tags: readonly {readonly id: string; readonly slug: string; readonly color: string; readonly name: string}[];
};

export type Identity = {
  readonly id: string;
  readonly name: string;
  readonly clientId: string;
  readonly clientSecrets: {readonly id: string; readonly secret: string; usesLeft: number}[];
  readonly tokenLifeSeconds: number;
  readonly tokenMaximumLifeSeconds: number;
  /** Id of a project → what it may do there. */
  readonly roles: Map<string, 'viewer' | 'no-access'>;
  /** Wrong secrets in a row, and until when it is locked: milliseconds of the double's clock. */
  lockout: {failures: number; latestFailureMs: number; lockedUntilMs: number};
};

/** Of the recordings. */
export const recordedProject = 'af6942bb-9dc3-4923-b3f0-1bf38e522808';
export const recordedOrganisation = 'd21161e5-7af8-4fdc-b306-e305f1847375';

const monthSeconds = 2_592_000;

/** The project, the secrets and the identities that the recordings were taken with. The client secrets are new. */
export function recordedWorld(): World {
  const project = makeProject(recordedProject, 'tazpod-it', ['dev', 'staging', 'prod']);
  const put = (path: string, key: string, id: string, time: string, value: string, more: Partial<StoredSecret> = {}) =>
    putSecret(project, 'dev', path, key, value, {id, createdAt: `2026-11-22T00:05:${time}Z`, ...more});
  put('/', 'GITHUB_TOKEN', '9b34347c-76bb-4ca7-b589-7ac171f897b4', '49.212', 'ghp_devTESTtoken0001', {
    comment: 'test only',
  });
  put('/', 'DB_PASSWORD', '3cc58f36-8962-4021-95c0-f32b970ea9f2', '49.259', 'p@ss w0rd\'"$`\\n#=;');
  put('/', 'DB_URL', '04598f70-b484-41b5-b9b8-0275106ce3c7', '49.534', 'postgres://app:${DB_PASSWORD}@db/app');
  put('/', 'EMPTY', '0c839f3b-f5eb-4290-b719-a799d46da5da', '49.577', '');
  put('/', 'TRAILING_NL', '287e2d3c-e181-44f0-9af6-99e5bdb3d4a4', '49.618', 'abc\n');
  put('/', 'SPACES', '06539036-c4b9-42b2-bad5-e8b0c66ad76e', '49.665', '  padded  ');
  put('/', 'kebab-name.with.dots', '778b6973-4438-4e1d-b0f4-c981375d37f8', '49.708', 'v');
  put('/', 'BIG', 'bcba0c5e-102b-48a3-9084-f2f4e00f28eb', '49.762', 'x'.repeat(60_000));
  put(
    '/ssh',
    'ID_ED25519',
    'e7d14c6a-f643-4544-950c-f67025cef6f6',
    '49.804',
    '-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAABG5vbmU=\n' +
      'line with spaces and ünïcödé ✓\n-----END OPENSSH PRIVATE KEY-----\n',
    {tags: [{id: '4821c498-a234-4482-ac54-e97e6a08c2d9', slug: 'ssh', color: '#ff0000', name: 'ssh'}]},
  );
  put('/ssh/keys', 'DEEP', 'c328632f-5cd5-4b59-8367-091930b071d1', '49.850', 'deep-value');
  project.environments
    .get('dev')!
    .set('/shared', {id: '6ca76f21-be8d-4c39-8da3-47cea9fc92e0', secrets: new Map(), imports: []});
  put('/shared', 'SHARED_ONLY', 'e487d587-8f6f-42cf-b016-2add99b0cb86', '49.895', 'from-import');
  put('/shared', 'GITHUB_TOKEN', '5c90e95d-01d6-4681-b2f0-f75a8a71f40f', '49.940', 'must-not-win');
  folderOf(project, 'dev', '/').imports.push({environment: 'dev', path: '/shared'});

  const identity = (name: string, id: string, clientId: string, more: Partial<Identity> = {}) =>
    makeIdentity(`tazpod-${name}`, {id, clientId, roles: new Map([[project.id, 'viewer']]), ...more});
  return {
    projects: [project],
    identities: [
      identity('reader', 'fcb941bc-0d91-414c-a77f-4f46e4bb538d', '448cdb17-125f-45fc-807c-4e6e7be5c9a6'),
      identity('noaccess', '2c4cfd33-8479-4f7f-9db7-817ebacbe928', '13dcd84f-eb45-45b0-816a-3c159abf1907', {
        roles: new Map([[project.id, 'no-access']]),
      }),
      identity('outsider', 'd91e08ae-8037-4a82-b944-859bd994115e', '3dfbf197-f06d-40ff-9fc4-984533d23c36', {
        roles: new Map(),
      }),
      identity('oneuse', 'b1a4e7e3-840e-4023-9875-ce84d8dbf076', '4894f1b5-fea6-4ab0-be5f-37509d7d8581', {
        clientSecrets: [{id: 'e632b59f-95b6-49ac-bdc8-7c5c8a9beeff', secret: newClientSecret(), usesLeft: 1}],
      }),
      identity('shortlived', 'd036d64e-680c-4fcf-86be-2b27f8dd48e5', '24e64876-5721-4a01-9313-b379b9f69834', {
        tokenLifeSeconds: 5,
        tokenMaximumLifeSeconds: 10,
      }),
      identity('lockout', 'f3c0f0a4-9a3d-4d3b-9f5e-1f6f3c1d7a51', 'e96d410c-3760-47dc-af37-805f3ccdb0c5'),
    ],
  };
}

export function makeProject(id: string, slug: string, environments: readonly string[]): Project {
  return {
    id,
    slug,
    environments: new Map(environments.map((environment) => [environment, new Map([['/', makeFolder()]])])),
  };
}

export function makeIdentity(name: string, given: Partial<Identity> = {}): Identity {
  return {
    id: randomUUID(),
    name,
    clientId: randomUUID(),
    clientSecrets: [{id: randomUUID(), secret: newClientSecret(), usesLeft: Infinity}],
    tokenLifeSeconds: monthSeconds,
    tokenMaximumLifeSeconds: monthSeconds,
    roles: new Map(),
    lockout: {failures: 0, latestFailureMs: 0, lockedUntilMs: 0},
    ...given,
  };
}

/** Stores a secret as the server does, with every folder on its way. */
export function putSecret(
  project: Project,
  environment: string,
  path: string,
  key: string,
  value: string,
  given: Partial<StoredSecret> = {},
): void {
  const {secrets} = folderOf(project, environment, path);
  const earlier = secrets.get(key);
  secrets.set(key, {
    id: earlier?.id ?? randomUUID(),
    version: (earlier?.version ?? 0) + 1,
    key,
    value: trimmed(value),
    comment: '',
    createdAt: earlier?.createdAt ?? new Date().toISOString(),
    tags: [],
    ...given,
  });
}

/** The folder, made with all above it where it is not there. */
function folderOf(project: Project, environment: string, path: string): SecretFolder {
  const folders = project.environments.get(environment);
  if (folders === undefined) throw new Error(`the project has no environment ${environment}`);
  const parts = path.split('/').filter((part) => part !== '');
  for (let length = 1; length <= parts.length; length += 1) {
    const each = `/${parts.slice(0, length).join('/')}`;
    if (!folders.has(each)) folders.set(each, makeFolder());
  }
  return folders.get(`/${parts.join('/')}`)!;
}

/** 64 hexadecimal characters, as the server makes them. */
export function newClientSecret(): string {
  return randomBytes(32).toString('hex');
}

/** White space at both ends goes, but for one newline at the end. */
function trimmed(value: string): string {
  return value.endsWith('\n') ? `${value.trim()}\n` : value.trim();
}

function makeFolder(): SecretFolder {
  return {id: randomUUID(), secrets: new Map(), imports: []};
}
