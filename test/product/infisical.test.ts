import {spawn} from 'node:child_process';
import {createHash, randomBytes} from 'node:crypto';
import {once} from 'node:events';
import {chmodSync, mkdirSync, readdirSync, readFileSync, readlinkSync, statSync} from 'node:fs';
import {join} from 'node:path';
import {createInterface} from 'node:readline';
import {expect} from 'chai';
import {allPids} from '../../src/kernel/process.ts';
import {type InfisicalDouble, startInfisical} from '../bed/infisical/double.ts';
import {makeIdentity, makeProject, putSecret} from '../bed/infisical/world.ts';
import {expectNothingLeft} from '../bed/leftovers.ts';
import {ownVault} from '../bed/own-vault.ts';
import {linkPlugin} from '../bed/plugins.ts';
import {chownTo, writeAs} from '../bed/ownership.ts';
import {startTazpod, tazpod} from '../bed/run.ts';
import {sessionOf, type TestSession} from '../bed/session.ts';
import {temporaryFolders, type BedUser} from '../bed/user.ts';
import type {TestVault} from '../bed/vault.ts';
import type {Watched} from '../children/secret-watch.ts';

describe('Secrets of Infisical', function () {
  this.timeout(240_000);
  let owner: BedUser;
  let vault: TestVault;
  let double: InfisicalDouble;
  /** The user's working directory. */
  let project: string;
  /** Where this user and root could write something down. */
  let folders: string[];

  const inFile = Buffer.from(`apiVersion: v1 # ${randomBytes(16).toString('hex')}\n'"$(id)\`\\ ✓\n`);
  const inVariable = randomBytes(16).toString('hex');
  const identity = makeIdentity('tazpod-reader');
  const {clientId} = identity;
  const clientSecret = identity.clientSecrets[0]!.secret;

  before(async function () {
    ({owner, vault} = await ownVault(this));
    const world = {
      projects: [makeProject('11111111-1111-4111-8111-111111111111', 'work', ['dev'])],
      identities: [identity],
    };
    const [there] = world.projects;
    identity.roles.set(there!.id, 'viewer');
    putSecret(there!, 'dev', '/', 'KUBECONFIG_DEV', inFile.toString());
    putSecret(there!, 'dev', '/', 'API_TOKEN', inVariable);
    for (let i = 0; i < 500; i += 1) putSecret(there!, 'dev', '/', `NAME_${i}`, `value ${i}`);
    double = await startInfisical({world});

    project = makeFolder('project');
    writeAs(
      owner,
      join(project, 'secrets.yml'),
      [
        'config:',
        `  infisical_project_id: ${there!.id}`,
        `  infisical_url: ${double.url}/api`,
        'secrets:',
        '  - {name: KUBECONFIG_DEV, file: kube/config, env: KUBECONFIG}',
        '  - {name: API_TOKEN, env: API_TOKEN}',
        ...Array.from({length: 500}, (_, i) => `  - {name: NAME_${i}, file: many/${i}}`),
        '',
      ].join('\n'),
    );
    const settings = `{infisical_project_id: ${there!.id}, infisical_url: ${double.url}/api}`;
    const entry = '{folder: /, files: all, env-prefix: ""}';
    writeAs(owner, join(project, 'folder.yml'), `config: ${settings}\nsecrets: [${entry}]\n`);
    const bin = makeFolder('bin');
    writeAs(owner, join(bin, 'kubectl'), '#!/bin/sh\nexec sha256sum <"$KUBECONFIG"\n');
    chmodSync(join(bin, 'kubectl'), 0o755);
    await linkPlugin(owner, 'tazpod-infisical');
    folders = [...temporaryFolders, owner.home, '/run', '/var/log'];
  });

  after(async () => {
    await double.close();
  });

  it('come into the ghost with a login and a pull, and nothing of them is ever outside of it', async () => {
    const secrets = [clientSecret, tokenStart(identity.id), inFile.subarray(17, 49).toString()];
    const {found, rounds} = await watch(secrets, async () => {
      await logIn();
      await expectNothingLeft(vault);
      const pull = startTazpod(owner, ['pull', ...vault.flags], {cwd: project});
      const session = await sessionOf(vault, pull);
      try {
        await lookInside(session);
        await pullAgain(session);
        await refuseHostileNames(session);
        await logOut(session);
      } finally {
        await session.leave();
      }
    });
    expect(found).to.deep.equal([]);
    expect(rounds).to.be.above(3);
    await expectNothingLeft(vault);
  });

  async function logIn(): Promise<void> {
    const args = ['login', '--client-id', clientId, '--client-secret-file', '-', ...vault.flags];
    const {code, stdout, stderr} = await tazpod(owner, args, {cwd: project, stdin: `${clientSecret}\n`});
    expect(code, stderr).to.equal(0);
    expect(stdout).to.include('Logged in to infisical as tazpod-reader, until ');
    expect(double.requests.map(({route, status}) => `${route} ${status}`)).to.deep.equal(['login 200']);
    double.forget();
  }

  /** Of more than 500 secrets, with one request. */
  async function lookInside(session: TestSession): Promise<void> {
    expect(double.requests.map(({route, status}) => `${route} ${status}`)).to.deep.equal(['list 200']);
    expect((await session.ask('~/bin/kubectl')).output).to.include(digest(inFile));
    expect((await session.ask('printf %s "$API_TOKEN" | sha256sum')).output).to.include(
      digest(Buffer.from(inVariable)),
    );
    expect((await session.ask('ls ~/secrets/many | wc -l')).output.trim()).to.equal('500');
    expect((await session.ask('cat ~/secrets/many/499')).output).to.equal('value 499');
    expect((await session.ask('stat --dereference --format=%a ~/secrets/kube/config')).output.trim()).to.equal('600');
    // The directories of the Infisical CLI are the vault's here, and what it writes there does not leave it.
    const written = 'echo session >~/.infisical/session && echo session >~/infisical-keyring/session';
    expect((await session.ask(written)).code).to.equal(0);
    for (const name of ['.infisical', 'infisical-keyring']) {
      expect(readdirSync(join(owner.home, name)), name).to.deep.equal([]);
    }
    expectNothingOutside();
  }

  /** With a 304 when nothing has changed, and offline. */
  async function pullAgain(session: TestSession): Promise<void> {
    double.forget();
    const again = await session.ask('tazpod pull');
    expect(again.output).to.include('Nothing has changed: ');
    expect(double.requests.map(({route, status}) => `${route} ${status}`)).to.deep.equal(['list 304']);

    double.breakNext('list', 'unavailable', 2);
    const failed = await session.ask('tazpod pull');
    expect(failed.code).to.equal(69);
    expect(failed.output).to.include('is unavailable: it answers with 503');
    const offline = await session.ask('tazpod pull --offline-ok');
    expect(offline.code, offline.output).to.equal(0);
    expect(offline.output).to.include('Offline: ');
  }

  /** A user who may write into the project may choose any names of secrets. What was pulled before stays as it is. */
  async function refuseHostileNames(session: TestSession): Promise<void> {
    const hostile: [string, RegExp][] = [
      ['../../.bashrc', /is not a valid file name/],
      ['a\0b', /a\\u\{0\}b .*contains an invisible character/],
      ['LD_PRELOAD', /changes how programs load/],
    ];
    for (const [secretKey, said] of hostile) {
      double.answerNext('list', {secrets: [{secretKey, secretValue: 'v', secretPath: '/'}]});
      const {code, output} = await session.ask(`tazpod pull --replace --secrets-file ${project}/folder.yml`);
      expect(code, output).to.equal(65);
      expect(output).to.match(said);
    }
    expect((await session.ask('~/bin/kubectl; ls ~/secrets')).output)
      .to.include(digest(inFile))
      .and.match(/^many$/m);
  }

  /** At the server too; and a wrong client secret afterwards changes nothing and is repeated nowhere. */
  async function logOut(session: TestSession): Promise<void> {
    const logout = await session.ask('tazpod logout');
    expect(logout.code, logout.output).to.equal(0);
    expect(double.requests.at(-1)).to.include({route: 'revoke', status: 200});
    const loggedOut = await session.ask('tazpod pull');
    expect(loggedOut.code).to.equal(77);
    expect(loggedOut.output).to.include('You are not logged in to Infisical.').and.to.include('tazpod login');

    const wrong = randomBytes(32).toString('hex');
    const login = await session.ask(
      `echo ${wrong} | tazpod login --client-id ${clientId} --client-secret-file - --json`,
    );
    expect(login.code).to.equal(77);
    expect(login.output).to.include('rejected this client id with this client secret').and.not.to.include(wrong);
    expect((await session.ask('tazpod pull')).code).to.equal(77);
  }

  /** A directory of the user's. */
  function makeFolder(name: string): string {
    const path = join(owner.home, name);
    mkdirSync(path, {mode: 0o700});
    chownTo(owner, path);
    return path;
  }

  /** While the ghost is open. */
  function expectNothingOutside(): void {
    expect(readdirSync(vault.mountPoint)).to.deep.equal([]);
    const ownMounts = readlinkSync('/proc/self/ns/mnt');
    for (const pid of allPids()) {
      try {
        if (readlinkSync(`/proc/${pid}/ns/mnt`) !== ownMounts) continue;
        const environ = readFileSync(`/proc/${pid}/environ`, 'utf8');
        expect(environ.includes(inVariable), `the environment of ${pid}`).to.equal(false);
      } catch (error) {
        // It has ended in this moment.
        if ((error as NodeJS.ErrnoException).code === undefined) throw error;
      }
    }
    expect(filesWith(inVariable, owner.home)).to.deep.equal([]);
  }

  /** Looks for secrets everywhere while `meanwhile` runs. */
  async function watch(secrets: readonly string[], meanwhile: () => Promise<void>): Promise<Watched> {
    const program = join(import.meta.dirname, '../children/secret-watch.ts');
    const words = secrets.map((secret) => Buffer.from(secret).toString('hex')).join(',');
    const watcher = spawn(process.execPath, [program, words, ...folders], {stdio: ['pipe', 'pipe', 'inherit']});
    const lines = createInterface({input: watcher.stdout})[Symbol.asyncIterator]();
    expect((await lines.next()).value).to.equal('watching');
    try {
      await meanwhile();
    } finally {
      watcher.stdin.end();
    }
    const last = await lines.next();
    await once(watcher, 'exit');
    return JSON.parse(last.value as string) as Watched;
  }
});

/** How every token of an identity begins: what comes after it is new each time. */
function tokenStart(identityId: string): string {
  const encode = (text: string) => Buffer.from(text).toString('base64url');
  return `${encode('{"alg":"HS256","typ":"JWT"}')}.${encode(`{"identityId":"${identityId}"`).slice(0, -2)}`;
}

function digest(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}

function filesWith(text: string, folder: string): string[] {
  return readdirSync(folder, {recursive: true, withFileTypes: true})
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => statSync(path, {throwIfNoEntry: false})?.isFile() === true && readFileSync(path).includes(text));
}
