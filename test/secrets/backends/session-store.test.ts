import {mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {expect} from 'chai';
import {parseYaml} from '../../../src/config/yaml-file.ts';
import type {SecretBackend} from '../../../src/contract/index.ts';
import {exitCode} from '../../../src/foundation/exit-code.ts';
import {makeMapping} from '../../../src/secrets/mapping/mapping.ts';
import {secretsSchema} from '../../../src/secrets/mapping/secrets-schema.ts';
import {openBackends} from '../../../src/secrets/backends/backends.ts';
import {chooseBackend, logout} from '../../../src/secrets/backends/login.ts';
import {settingsDigest} from '../../../src/secrets/mapping/settings-digest.ts';
import {failureOf} from '../../failure-of.ts';

describe('The session with a store', () => {
  let vault: string;
  let isReachable: boolean;

  beforeEach(() => {
    vault = mkdtempSync(join(tmpdir(), 'tazpod-session-'));
    isReachable = false;
  });

  afterEach(() => rmSync(vault, {recursive: true}));

  const backend: SecretBackend = {
    contract: 1,
    sessionOf: ({url}) => String(url).replace(/\/+$/, ''),
    login: async () => ({identity: 'me'}),
    logout: async () => {
      if (isReachable) return;
      throw Object.assign(new Error('x'), {tazpod: {kind: 'unreachable', what: 'It cannot be reached.'}});
    },
    readFolder: async () => ({state: 'read', secrets: []}),
  };

  async function open(url: string, more = '') {
    const text = `backends: {mine: {type: fixture, url: "${url}"}, other: {type: fixture}}\n${more}secrets:\n  - {name: A, env: A, backend: mine}\n  - {name: B, env: B, backend: other}\n`;
    const mapping = makeMapping(parseYaml(text, join(vault, 'secrets.yml'), secretsSchema));
    const backends = await openBackends(mapping, async () => backend, {
      mountPoint: vault,
      projectFolder: vault,
      environment: {},
      timeoutMs: 1000,
      signal: new AbortController().signal,
      warn: () => {},
    });
    return {mapping, backends, mine: backends.get('mine')!};
  }

  it('is found by settings that are spelled otherwise, and not by those of another server', async () => {
    await (await open('https://a')).mine.context.store.write('session', Buffer.from('token'));
    expect((await open('https://a/')).mine.store.isUsed()).to.equal(true);
    expect((await open('https://b')).mine.store.isUsed()).to.equal(false);
  });

  it('that an older version has stored stays in reach', async () => {
    const {mine} = await open('https://a/');
    const folder = `mine-${settingsDigest(mine.definition).slice(0, 8)}`;
    mkdirSync(join(vault, '.tazpod/backends', folder), {recursive: true});
    writeFileSync(join(vault, '.tazpod/backends', folder, 'session'), 'token');
    expect(Buffer.from((await mine.context.store.read('session'))!).toString()).to.equal('token');
    expect(readdirSync(join(vault, '.tazpod/backends')))
      .to.have.length(1)
      .and.not.include(folder);
  });

  it('is kept by a logout that the store does not hear of, unless its user gives it up', async () => {
    const {mine} = await open('https://a');
    await mine.context.store.write('session', Buffer.from('token'));
    const failure = await failureOf(() => logout(mine, false));
    expect(failure).to.include({code: exitCode.unavailable, message: 'It cannot be reached.'});
    expect(failure.why).to.include('The session with mine stays open; --forget would only delete it here.');
    expect(mine.store.isUsed()).to.equal(true);
    await logout(mine, true);
    expect(mine.store.isUsed()).to.equal(false);

    await mine.context.store.write('session', Buffer.from('token'));
    isReachable = true;
    await logout(mine, false);
    expect(mine.store.isUsed()).to.equal(false);
  });

  it('is begun with the default backend if several can be logged in to', async () => {
    const {backends, mapping} = await open('https://a', 'backend: other\n');
    expect(chooseBackend(backends, undefined, 'login', mapping.standard).definition.name).to.equal('other');
    expect(chooseBackend(backends, 'mine', 'login', mapping.standard).definition.name).to.equal('mine');
    const without = await open('https://a');
    expect((await failureOf(async () => chooseBackend(without.backends, undefined, 'login'))).code).to.equal(64);
  });
});
