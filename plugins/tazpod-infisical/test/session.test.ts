import {mkdtempSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {expect} from 'chai';
import {type InfisicalDouble, startInfisical} from '../../../test/bed/infisical/double.ts';
import {newClientSecret} from '../../../test/bed/infisical/world.ts';
import backend from '../src/backend.ts';
import {contextFor, identityOf, logIn, type TestContext, troubleOf, valuesOf} from './bed.ts';

const root = {environment: 'dev', path: '/', recursive: false};
const nobodyThere = {
  ask: () => Promise.reject(new Error('asked')),
  askSecret: () => Promise.reject(new Error('asked')),
};

describe('A session with Infisical', () => {
  let double: InfisicalDouble;
  let context: TestContext;
  let folder: string;

  beforeEach(async () => {
    double = await startInfisical();
    context = contextFor(double);
    folder = mkdtempSync(join(tmpdir(), 'tazpod-test-'));
  });
  afterEach(async () => {
    rmSync(folder, {recursive: true, force: true});
    await double.close();
  });

  it('begins with a client id and a secret, says whose it is and until when, and keeps the token only', async () => {
    const answer = await logIn(context, double);
    expect(answer.identity).to.equal('tazpod-reader');
    const daysLeft = (Date.parse(answer.expires!) - Date.now()) / 86_400_000;
    expect(daysLeft).to.be.within(29.9, 30);
    const kept = storedText(context);
    expect(kept).to.include('"token"');
    expect(kept).not.to.include(identityOf(double, 'reader').clientSecret);
  });

  it('asks for what it is not told, and takes a newline at the end of a secret for the file’s', async () => {
    const {clientId, clientSecret} = identityOf(double, 'reader');
    const asked: string[] = [];
    const answer = await backend.login!(context, {
      ask: async (question) => {
        asked.push(question);
        return ` ${clientId}\n`;
      },
      askSecret: async (question) => {
        asked.push(question);
        return Buffer.from(`${clientSecret}\n`);
      },
    });
    expect(answer.identity).to.equal('tazpod-reader');
    expect(asked).to.deep.equal(['Client id of the machine identity:', 'Client secret:']);
  });

  it('is not begun a second time with a wrong secret, and says what the third one does', async () => {
    const {clientId} = identityOf(double, 'lockout');
    const attempt = (secret: string) =>
      troubleOf(backend.login!(context, {identity: clientId, secret: Buffer.from(secret), ...nobodyThere}));
    const wrong = newClientSecret();
    const first = await attempt(wrong);
    expect(first.kind).to.equal('no-permission');
    expect(first.what).to.equal('Infisical rejected this client id with this client secret.');
    expect(first.why).to.include('After three wrong ones');
    expect(double.count('login')).to.equal(1);
    await attempt(wrong);
    await attempt(wrong);
    const locked = await attempt(identityOf(double, 'lockout').clientSecret);
    expect(locked.what).to.equal('Infisical has temporarily locked this identity.');
    expect(locked.why).to.include('Infisical refuses the right one too');
    expect(JSON.stringify([first, locked])).not.to.include(wrong);
    expect(context.stored.size).to.equal(0);
  });

  it('says when a client secret has been used as often as it may be', async () => {
    await logIn(context, double, 'oneuse');
    const trouble = await troubleOf(logIn(context, double, 'oneuse'));
    expect(trouble.what).to.equal('This client secret has reached its usage limit.');
  });

  it('is renewed before it ends, once', async () => {
    await logIn(context, double, 'shortlived');
    changeSession(context, {expiresMs: Date.now() + 1000});
    const before = storedText(context);
    await backend.readFolder(context, root);
    expect(double.count('renew')).to.equal(1);
    expect(storedText(context)).not.to.equal(before);
    await backend.readFolder(context, root);
    expect(double.count('renew')).to.equal(1);
  });

  it('is not renewed where that would not make it longer', async () => {
    await logIn(context, double, 'reader');
    changeSession(context, {expiresMs: Date.now() + 1000, renewableUntilMs: Date.now() + 1000});
    await backend.readFolder(context, root);
    expect(double.count('renew')).to.equal(0);
  });

  it('is not renewed beyond its maximum lifetime, because the server would delete it', async () => {
    await logIn(context, double, 'shortlived');
    // Six of ten seconds have gone, for both sides: a renewal would reach one second too far.
    changeSession(context, {expiresMs: Date.now() + 1000, renewableUntilMs: Date.now() + 4000});
    await backend.readFolder(context, root);
    expect(double.count('renew')).to.equal(0);
    expect((await backend.readFolder(context, root)).state).to.equal('read');
  });

  it('is the same one however the settings spell the server, and not for another project or identity', () => {
    const of = (settings: object) => backend.sessionOf!({project: 'p', ...settings});
    const one = of({url: 'https://infisical.example.com'});
    for (const url of [
      'https://infisical.example.com/',
      'https://INFISICAL.example.com/api',
      'https://infisical.example.com:443/api/',
    ])
      expect(of({url}), url).to.equal(one);
    expect(backend.sessionOf!({infisical_project_id: 'p', infisical_url: 'https://infisical.example.com'})).to.equal(
      one,
    );
    expect(of({url: 'https://infisical.example.com', environment: 'prod'})).to.equal(one);
    expect(of({})).to.equal(of({url: 'https://app.infisical.com/api'}));
    expect(of({url: 'https://infisical.example.org'})).not.to.equal(one);
    expect(of({url: 'https://infisical.example.com', 'client-id': 'x'})).not.to.equal(one);
    expect(backend.sessionOf!({project: 'q', url: 'https://infisical.example.com'})).not.to.equal(one);
  });

  it('begins with the client-secret-file of the settings, for the identity of the settings only', async () => {
    const {clientId, clientSecret} = identityOf(double, 'reader');
    const file = join(folder, 'client-secret');
    writeFileSync(file, `${clientSecret}\n`);
    context = contextFor(double, {'client-id': clientId, 'client-secret-file': file});
    expect((await backend.login!(context, nobodyThere)).identity).to.equal('tazpod-reader');
    const other = backend.login!(context, {...nobodyThere, identity: identityOf(double, 'outsider').clientId});
    expect(await other.catch((error: unknown) => (error as Error).message)).to.equal('asked');
  });

  for (const [what, status, json] of [
    ['403 for a token that it does not take', 403, {error: 'UnauthorizedError', message: 'Token expired'}],
    ['500 for a token that has expired', 500, {error: 'Internal Server Error', message: 'jwt expired'}],
  ] as const) {
    it(`has expired if an older server answers with ${what}`, async () => {
      await logIn(context, double);
      double.breakNext('list', {json: {statusCode: status, ...json}, status});
      double.breakNext('renew', {json: {statusCode: status, ...json}, status});
      const trouble = await troubleOf(backend.readFolder(context, root));
      expect(trouble).to.include({kind: 'not-logged-in', what: 'The session with Infisical has expired.'});
    });
  }

  it('is good if an older server answers 401 for a permission that is missing', async () => {
    await logIn(context, double);
    const json = {statusCode: 401, error: 'PermissionDenied', message: 'You are not allowed to read on secrets'};
    double.breakNext('list', {json, status: 401});
    const trouble = await troubleOf(backend.readFolder(context, root));
    expect(trouble.what).to.equal('This identity cannot read the secrets of "/" in "dev".');
    expect(double.count('renew')).to.equal(0);
  });

  it('serves as long as it lasts although the server cannot renew it now', async () => {
    await logIn(context, double, 'shortlived');
    changeSession(context, {expiresMs: Date.now() + 1000});
    double.breakNext('renew', 'unavailable');
    expect(valuesOf(await backend.readFolder(context, root))).to.have.property('/GITHUB_TOKEN');
  });

  it('that has ended at the server is reported after exactly one attempt to renew it', async () => {
    await logIn(context, double, 'shortlived');
    double.advance(6000);
    const trouble = await troubleOf(backend.readFolder(context, root));
    expect(trouble).to.deep.equal({
      kind: 'not-logged-in',
      what: 'The session with Infisical has expired.',
      next: 'tazpod login',
    });
    expect(double.requests.map(({route}) => route)).to.deep.equal(['login', 'list', 'renew']);
  });

  it('is started again if the client secret may be kept in the vault', async () => {
    context = contextFor(double, {'keep-client-secret': true});
    await logIn(context, double, 'shortlived');
    double.advance(6000);
    expect(valuesOf(await backend.readFolder(context, root))).to.have.property('/GITHUB_TOKEN');
    expect(double.requests.map(({route, hasToken}) => `${route} ${hasToken}`)).to.deep.equal([
      'login false',
      'list true',
      'renew false',
      'login false',
      'list true',
    ]);
    double.advance(6000);
    expect(valuesOf(await backend.readFolder(context, root))).to.have.property('/GITHUB_TOKEN');
  });

  it('needs no login where the settings name a file with the client secret', async () => {
    const {clientId, clientSecret} = identityOf(double, 'reader');
    writeFileSync(join(folder, 'secret'), `${clientSecret}\n`);
    context = {
      ...contextFor(double, {'client-id': clientId, 'client-secret-file': 'secret'}),
      projectFolder: folder,
    };
    expect(valuesOf(await backend.readFolder(context, root))).to.have.property('/GITHUB_TOKEN');
    await backend.readFolder(context, root);
    expect(double.requests.map(({route}) => route)).to.deep.equal(['login', 'list', 'list']);
    expect(storedText(context)).not.to.include(clientSecret);
  });

  it('is begun once although several folders are read at the same time', async () => {
    const {clientId} = identityOf(double, 'lockout');
    writeFileSync(join(folder, 'secret'), newClientSecret());
    const settings = {'client-id': clientId, 'client-secret-file': 'secret'};
    context = {...contextFor(double, settings), projectFolder: folder};
    const troubles = await Promise.all(
      ['/', '/ssh', '/shared', '/ssh/keys'].map((path) => troubleOf(backend.readFolder(context, {...root, path}))),
    );
    for (const {what} of troubles) expect(what).to.match(/^Infisical rejected this client id/);
    expect(double.count('login'), 'four wrong logins lock the identity').to.equal(1);
  });

  it('is not shown to another server than the one it is with', async () => {
    await logIn(context, double);
    const other = await startInfisical();
    const trouble = await troubleOf(
      backend.readFolder({...context, settings: {...context.settings, url: other.url}}, root),
    );
    expect(trouble.kind).to.equal('not-logged-in');
    expect(trouble.what).to.equal(`The session is with "${double.url}", not with "${other.url}".`);
    expect(other.requests).to.deep.equal([]);
    await other.close();
  });

  it('does not exist before a login, nor where what is stored of it is damaged', async () => {
    expect(await troubleOf(backend.readFolder(context, root))).to.deep.equal({
      kind: 'not-logged-in',
      what: 'You are not logged in to Infisical.',
      next: 'tazpod login',
    });
    context.stored.set('session', Buffer.from('{"token"'));
    expect((await troubleOf(backend.readFolder(context, root))).kind).to.equal('not-logged-in');
    expect(double.requests).to.deep.equal([]);
  });

  it('ends at the server when its user logs out', async () => {
    await logIn(context, double);
    const token = tokenOf(context);
    await backend.logout!(context);
    expect(double.requests.at(-1)).to.include({route: 'revoke', status: 200});

    const stolen = contextFor(double, {auth: 'access-token'});
    await backend.login!(stolen, {secret: Buffer.from(token), ...nobodyThere});
    const trouble = await troubleOf(backend.readFolder(stolen, root));
    expect(trouble.what).to.equal('The session with Infisical was ended by the server.');
  });

  it('that has ended already can be logged out of', async () => {
    await logIn(context, double, 'shortlived');
    double.advance(6000);
    await backend.logout!(context);
    context.stored.clear();
    await backend.logout!(context);
  });

  it('may be an access token that is given, which stays its giver’s at a logout', async () => {
    await logIn(context, double);
    const token = tokenOf(context);
    const given = contextFor(double, {auth: 'access-token'});
    const answer = await backend.login!(given, {secret: Buffer.from(`${token}\n`), ...nobodyThere});
    expect(answer.identity).to.equal('tazpod-reader');
    await backend.logout!(given);
    expect(valuesOf(await backend.readFolder(given, root))).to.have.property('/GITHUB_TOKEN');
  });

  it('may be an access token out of a file', async () => {
    await logIn(context, double);
    writeFileSync(join(folder, 'token'), `${tokenOf(context)}\n`);
    const settings = {auth: 'access-token', 'token-file': 'token'};
    const fromFile = {...contextFor(double, settings), projectFolder: folder};
    expect(valuesOf(await backend.readFolder(fromFile, root))).to.have.property('/GITHUB_TOKEN');
    writeFileSync(join(folder, 'token'), 'ключ\n');
    expect((await troubleOf(backend.readFolder(fromFile, root))).what).to.match(/ holds no token\.$/);
    rmSync(join(folder, 'token'));
    expect((await troubleOf(backend.readFolder(fromFile, root))).what).to.match(/ cannot be read\.$/);
  });
});

function storedText({stored}: TestContext): string {
  return [...stored.values()].map((content) => Buffer.from(content).toString()).join('\n');
}

function tokenOf(context: TestContext): string {
  return (JSON.parse(storedText(context)) as {token: string}).token;
}

function changeSession(context: TestContext, changes: object): void {
  const session = JSON.parse(storedText(context)) as object;
  context.stored.set('session', Buffer.from(JSON.stringify({...session, ...changes})));
}
