import {expect} from 'chai';
import {parseYaml} from '../../../src/config/yaml-file.ts';
import {toJsonSchema} from '../../../src/config/json-schema.ts';
import {makeMapping, type Mapping} from '../../../src/secrets/mapping/mapping.ts';
import {secretsSchema} from '../../../src/secrets/mapping/secrets-schema.ts';
import {failureOf} from '../../failure-of.ts';

function mappingOf(text: string, profile?: string, bridgeEnds: string[] = []): Mapping {
  return makeMapping(parseYaml(text, '/project/secrets.yml', secretsSchema), {profile, bridgeEnds});
}

async function refusalOf(text: string, profile?: string, bridgeEnds?: string[]): Promise<string> {
  const failure = await failureOf(() => mappingOf(text, profile, bridgeEnds));
  expect(failure.code).to.equal(78);
  return failure.message.replace('/project/secrets.yml:', '');
}

const seed = `config:
  infisical_project_id: 7b1f5c0e
  infisical_url: https://infisical.example.com
secrets:
  - name: KUBECONFIG_DEV
    file: kube/config
    env: KUBECONFIG
  - name: DATABASE_URL
    env: DATABASE_URL
`;

const one = (entry: string) => `backend: pass\nsecrets:\n  - ${entry}\n`;

describe('A secrets.yml', () => {
  it('is read in the form that it always had', () => {
    const {backends, secrets} = mappingOf(seed);
    expect(backends).to.deep.equal([
      {name: 'infisical', type: 'infisical', settings: {project: '7b1f5c0e', url: 'https://infisical.example.com'}},
    ]);
    expect(
      secrets.map(({name, file, env, envHolds, mode, path}) => ({name, file, env, envHolds, mode, path})),
    ).to.deep.equal([
      {name: 'KUBECONFIG_DEV', file: 'kube/config', env: 'KUBECONFIG', envHolds: 'path', mode: 0o600, path: '/'},
      {name: 'DATABASE_URL', file: undefined, env: 'DATABASE_URL', envHolds: 'value', mode: 0o600, path: '/'},
    ]);
  });

  it('has several backends, and a place for each secret', () => {
    const {secrets} = mappingOf(`
backends:
  cloud: {type: infisical, project: p}
  store: {type: exec, command: ./store}
backend: cloud
environment: dev
path: /app
secrets:
  - {name: A, env: A}
  - {name: B, env: B, backend: store, environment: test, path: /x, mode: "0640", file: b, optional: true, default: d}
  - {folder: /whole, files: keys, env-prefix: K_, recursive: true}
`);
    expect(secrets.map(({backend, environment, path}) => [backend.name, environment, path])).to.deep.equal([
      ['cloud', 'dev', '/app'],
      ['store', 'test', '/x'],
      ['cloud', 'dev', '/whole'],
    ]);
    expect(secrets[1]).to.include({mode: 0o640, optional: true, fallback: 'd'});
    expect(secrets[2]).to.include({file: 'keys', env: 'K_', recursive: true}).and.not.have.property('name');
  });

  const profiled = `
backend: pass
environment: dev
secrets:
  - {name: A, env: A}
  - {name: B, env: B}
profiles:
  staging: {environment: staging, secrets: [{name: A, env: A, optional: true}]}
  prod: {inherits: staging, environment: prod, secrets: [{name: OTHER_B, env: B}, {name: C, env: C}]}
`;

  it('has profiles that inherit, whose entries take the place of those of the same name or variable', () => {
    const shown = (profile?: string) =>
      mappingOf(profiled, profile).secrets.map(({name, env, environment}) => `${environment} ${name} ${env}`);
    expect(shown()).to.deep.equal(['dev A A', 'dev B B']);
    expect(shown('staging')).to.deep.equal(['staging B B', 'staging A A']);
    expect(shown('prod')).to.deep.equal(['prod A A', 'prod OTHER_B B', 'prod C C']);
  });

  for (const [what, text, expected, bridgeEnds] of [
    ['leaves the vault', one('{name: A, file: ../x}'), '3:15: secrets[0].file points outside the vault.'],
    ['is absolute', one('{name: A, file: /etc/x}'), '3:15: secrets[0].file must be relative to the mount point.'],
    ['has a dot in its way', one('{name: A, file: a/./b}'), '3:15: secrets[0].file has an empty component.'],
    [
      'has a control character',
      one('{name: A, file: "a\\u202eb"}'),
      '3:15: secrets[0].file contains an invisible character.',
    ],
    ['is TazPod’s', one('{name: A, file: .TazPod/x}'), '3:15: secrets[0].file is in .tazpod, which is reserved.'],
    [
      'is a bridge’s',
      one('{name: A, file: .auth/x}'),
      '3:15: secrets[0].file is in .auth, which is reserved.',
      ['.auth'],
    ],
    ['is there twice', one('{name: A, file: x}\n  - {name: B, file: x}'), '4:15: secrets[1].file appears twice.'],
    [
      'differs in case only',
      one('{name: A, file: x}\n  - {name: B, file: X}'),
      '4:15: secrets[1].file cannot be combined with x.',
    ],
    [
      'is a folder too',
      one('{name: A, file: x/y}\n  - {name: B, file: x}'),
      '4:15: secrets[1].file cannot be combined with x/y.',
    ],
  ] as const) {
    it(`is refused where a file ${what}`, async () => {
      expect(await refusalOf(text, undefined, [...(bridgeEnds ?? [])])).to.equal(expected);
    });
  }

  for (const name of [
    'PATH',
    'LD_PRELOAD',
    'NODE_OPTIONS',
    'BASH_ENV',
    'ENV',
    'PYTHONPATH',
    'PERL5LIB',
    'RUBYOPT',
    'GIT_SSH_COMMAND',
    'PROMPT_COMMAND',
    'HOME',
  ]) {
    it(`may set ${name} only where it is allowed by name, and then wants the user's agreement`, async () => {
      const entry = one(`{name: A, env: ${name}}`);
      expect(await refusalOf(entry)).to.equal(
        `3:15: secrets[0].env is a variable that changes how programs load: list it in allow-env if you want it.`,
      );
      expect(mappingOf(`allow-env: [${name}]\n${entry}`).allowEnv).to.deep.equal([name]);
    });
  }

  for (const name of ['TAZPOD_GHOST_MODE', 'UID', 'IFS-X', '1A', 'status', '_']) {
    it(`may never set ${name}`, async () => {
      expect(await refusalOf(`allow-env: ["${name}"]\n${one(`{name: A, env: "${name}"}`)}`)).to.match(
        /^4:15: secrets\[0\]\.env is /,
      );
    });
  }

  it('may set what secrets are usually called', () => {
    const names = [
      'KUBECONFIG',
      'AWS_SECRET_ACCESS_KEY',
      'GITHUB_TOKEN',
      'NODE_AUTH_TOKEN',
      'CARGO_REGISTRY_TOKEN',
      'GPG_PASSPHRASE',
      'DATABASE_URL',
      'HOST',
      'PGPASSWORD',
      'VERSION',
    ];
    const entries = names.map((name) => `{name: ${name}, env: ${name}}`).join('\n  - ');
    expect(mappingOf(one(entries)).allowEnv).to.deep.equal([]);
  });

  for (const [what, text, expected, profile] of [
    ['has an unknown key', one('{name: A, evn: A}'), '3:15: secrets[0].evn is unknown; did you mean "env"?'],
    [
      'has a number for a mode',
      one('{name: A, file: a, mode: 0600}'),
      '3:30: secrets[0].mode must be a string: put it in quotation marks.',
    ],
    [
      'has a mode that nobody can read',
      one('{name: A, file: a, mode: "0200"}'),
      '3:24: secrets[0].mode does not let you read the file.',
    ],
    ['names neither a secret nor a folder', one('{env: A}'), '3:5: secrets[0] needs a name, or a folder.'],
    [
      'names both',
      one('{name: A, folder: /a, env: A}'),
      '3:5: secrets[0] has a name and a folder: it takes one of them.',
    ],
    ['sends a secret nowhere', one('{name: A}'), '3:5: secrets[0] has no destination.'],
    ['sends a folder nowhere', one('{folder: /}'), '3:5: secrets[0] has no destination.'],
    [
      'gives a folder a variable',
      one('{folder: /, env: A}'),
      '3:17: secrets[0].env is for one secret, and this is a folder.',
    ],
    [
      'has a name twice',
      one('{name: A, env: A}\n  - {name: A, env: B}'),
      '4:5: secrets[1] has the same name as another one.',
    ],
    ['has a variable twice', one('{name: A, env: A}\n  - {name: B, env: A}'), '4:15: secrets[1].env appears twice.'],
    ['has no backend', 'secrets: [{name: A, env: A}]', '1:11: secrets[0] has no backend.'],
    [
      'has profiles that inherit from each other',
      'profiles: {a: {inherits: b}, b: {inherits: a}}',
      '1:16: profiles.a.inherits makes the profile inherit from itself (a → b → a).',
    ],
    [
      'has a profile that inherits from such profiles',
      'profiles: {a: {inherits: b}, b: {inherits: c}, c: {inherits: b}}',
      '1:34: profiles.b.inherits makes the profile inherit from itself (b → c → b).',
    ],
    [
      'has a profile that inherits from itself',
      'profiles: {a: {inherits: a}}',
      '1:16: profiles.a.inherits makes the profile inherit from itself (a → a).',
    ],
    [
      'inherits from nowhere',
      'profiles: {a: {inherits: b}}',
      '1:16: profiles.a.inherits does not name a profile of this file.',
    ],
    ['has no such profile', profiled, '7:1: profiles has no "prd".', 'prd'],
    [
      'has a partial in a template',
      'templates: [{file: a, text: "{{>b}}"}]',
      '1:23: templates[0].text has a partial ({{>…}}): partials are not supported.',
    ],
    [
      'has an open section',
      'templates: [{file: a, text: "{{#b}}"}]',
      '1:23: templates[0].text is not a valid mustache template: Unclosed section at 6.',
    ],
    [
      'has a template without text',
      'templates: [{file: a}]',
      '1:13: templates[0] needs either template (a file) or text.',
    ],
  ] as const) {
    it(`is refused, with line and column, where it ${what}`, async () => {
      expect(await refusalOf(text, profile)).to.equal(expected);
    });
  }

  it('has a JSON Schema for editors', () => {
    const schema = toJsonSchema(secretsSchema);
    expect(Object.keys(schema.properties!)).to.include.members([
      'config',
      'backends',
      'secrets',
      'templates',
      'profiles',
    ]);
    expect(schema.properties!['secrets']!.items!.properties!['env-holds']).to.have.property('enum');
  });
});
