import {createCipheriv, pbkdf2Sync, randomBytes} from 'node:crypto';
import {mkdirSync, mkdtempSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {expect} from 'chai';
import {type InfisicalDouble, startInfisical} from '../../../test/bed/infisical/double.ts';
import backend from '../src/backend.ts';
import {openJwe} from '../src/jwe.ts';
import {contextFor, logIn, type TestContext, troubleOf, valuesOf} from './bed.ts';

const root = {environment: 'dev', path: '/', recursive: false};
const email = 'dev/ops%1@example.com';
const nobodyThere = {
  ask: () => Promise.reject(new Error('asked')),
  askSecret: () => Promise.reject(new Error('asked')),
};

describe('The session of the Infisical CLI', () => {
  let double: InfisicalDouble;
  let home: string;
  let context: TestContext;
  let token: string;

  beforeEach(async () => {
    double = await startInfisical();
    const other = contextFor(double);
    await logIn(other, double);
    token = (JSON.parse(Buffer.from(other.stored.get('session')!).toString()) as {token: string}).token;
    double.forget();
    home = mkdtempSync(join(tmpdir(), 'tazpod-test-'));
    context = {...contextFor(double, {auth: 'cli'}), environment: {HOME: home}};
  });
  afterEach(async () => {
    rmSync(home, {recursive: true, force: true});
    await double.close();
  });

  /** As `infisical vault set file` and `infisical login` leave it. */
  function logInWithCli(given: {config?: object; token?: string; passphrase?: string} = {}): void {
    const passphrase = given.passphrase ?? 'a1b2c3d4e5';
    const credentials = {email, privateKey: '', JTWToken: given.token ?? token, RefreshToken: ''};
    mkdirSync(join(home, '.infisical'));
    mkdirSync(join(home, 'infisical-keyring'));
    const config = {
      loggedInUserEmail: email,
      LoggedInUserDomain: `${double.url}/api`,
      loggedInUsers: [{email, domain: `${double.url}/api`}],
      vaultBackendType: 'file',
      vaultBackendPassphrase: Buffer.from('a1b2c3d4e5').toString('base64'),
      ...given.config,
    };
    writeFileSync(join(home, '.infisical/infisical-config.json'), JSON.stringify(config));
    const sealed = sealJwe(JSON.stringify(JSON.stringify(credentials)), passphrase);
    writeFileSync(join(home, 'infisical-keyring/dev%2Fops%251@example.com'), sealed);
  }

  it('is used as it is, with the server that it is for, and nothing of it is kept or changed', async () => {
    logInWithCli();
    const {url: _, ...settings} = context.settings;
    const anywhere = {...context, settings};
    expect(valuesOf(await backend.readFolder(anywhere, root))).to.have.property('/GITHUB_TOKEN');
    const answer = await backend.login!(anywhere, nobodyThere);
    expect(answer.identity).to.equal(email);
    expect(Date.parse(answer.expires!)).to.be.above(Date.now());
    await backend.logout!(anywhere);
    expect(context.stored.size).to.equal(0);
    expect(double.requests.map(({route}) => route)).to.deep.equal(['list']);
  });

  it('may have its passphrase in the environment, as the CLI reads it there', async () => {
    logInWithCli({config: {vaultBackendPassphrase: ''}, passphrase: 'from outside'});
    expect((await troubleOf(backend.readFolder(context, root))).what).to.match(/cannot be opened\.$/);
    const environment = {HOME: home, INFISICAL_VAULT_FILE_PASSPHRASE: 'from outside'};
    expect(valuesOf(await backend.readFolder({...context, environment}, root))).to.have.property('/GITHUB_TOKEN');
  });

  it('is not there before its login', async () => {
    expect(await troubleOf(backend.readFolder(context, root))).to.deep.include({
      kind: 'not-logged-in',
      what: 'The Infisical CLI has no session here.',
      next: 'infisical login',
    });
  });

  it('is not shown to another server', async () => {
    logInWithCli({config: {LoggedInUserDomain: 'https://eu.infisical.com/api'}});
    const trouble = await troubleOf(backend.readFolder(context, root));
    expect(trouble.what).to.match(/^The Infisical CLI is logged in to "https:\/\/eu\.infisical\.com", not to /);
    expect(double.requests).to.deep.equal([]);
  });

  it('in the keyring of a desktop is not looked for', async () => {
    logInWithCli({config: {vaultBackendType: 'auto'}});
    const trouble = await troubleOf(backend.readFolder(context, root));
    expect(trouble).to.include({kind: 'unavailable', next: 'infisical vault set file && infisical login'});
  });

  it('that has expired is reported before any question', async () => {
    const payload = Buffer.from(JSON.stringify({exp: Math.floor(Date.now() / 1000) + 20})).toString('base64url');
    logInWithCli({token: `e30.${payload}.AA`});
    const trouble = await troubleOf(backend.readFolder(context, root));
    expect(trouble.what).to.equal('The session of the Infisical CLI has expired.');
    expect(double.requests).to.deep.equal([]);
  });

  it('in an unknown form is reported as such', async () => {
    logInWithCli({config: {loggedInUserEmail: 7}});
    expect((await troubleOf(backend.readFolder(context, root))).what).to.match(
      /has a format that TazPod does not know\.$/,
    );
  });
});

describe('A sealed token of the Infisical CLI', () => {
  const sealed = sealJwe('text', 'word');

  it('is opened with its passphrase', async () => {
    expect(Buffer.from((await openJwe(`${sealed}\n`, Buffer.from('word'))) ?? []).toString()).to.equal('text');
  });

  const [header, ...rest] = sealed.split('.');
  const fields = JSON.parse(Buffer.from(header!, 'base64url').toString()) as object;
  const withHeader = (changes: object) =>
    [Buffer.from(JSON.stringify({...fields, ...changes})).toString('base64url'), ...rest].join('.');
  const refused: Readonly<Record<string, string>> = {
    'with another passphrase': sealJwe('text', 'another'),
    'with a bit of its text changed': sealed.replace(
      /\.([^.])([^.]*)\.([^.]*)$/,
      (_, first: string, more, tag) => `.${first === 'A' ? 'B' : 'A'}${String(more)}.${String(tag)}`,
    ),
    'of another algorithm': withHeader({alg: 'dir'}),
    'that keeps us busy for hours': withHeader({p2c: 2 ** 31 - 1}),
    'that is compressed': withHeader({zip: 'DEF'}),
    'of four parts': sealed.split('.').slice(1).join('.'),
    'of nothing': '',
  };
  for (const [name, text] of Object.entries(refused)) {
    it(`${name} is refused`, async () => {
      expect(await openJwe(text, Buffer.from('word'))).to.equal(undefined);
    });
  }
});

/** The other direction of `openJwe`, as jose2go writes it. */
function sealJwe(text: string, passphrase: string): string {
  const alg = 'PBES2-HS256+A128KW';
  const p2s = randomBytes(12).toString('base64url');
  const header = {alg, created: 'now', enc: 'A256GCM', p2c: 8192, p2s};
  const salt = Buffer.concat([Buffer.from(`${alg}\0`), Buffer.from(p2s, 'base64url')]);
  const key = randomBytes(32);
  const wrapping = pbkdf2Sync(passphrase, salt, 8192, 16, 'sha256');
  const wrap = createCipheriv('id-aes128-wrap', wrapping, Buffer.alloc(8, 0xa6));
  const wrapped = Buffer.concat([wrap.update(key), wrap.final()]);
  const iv = randomBytes(12);
  const encoded = Buffer.from(JSON.stringify(header)).toString('base64url');
  const cipher = createCipheriv('aes-256-gcm', key, iv).setAAD(Buffer.from(encoded));
  const sealed = Buffer.concat([cipher.update(text), cipher.final()]);
  return [encoded, ...[wrapped, iv, sealed, cipher.getAuthTag()].map((part) => part.toString('base64url'))].join('.');
}
