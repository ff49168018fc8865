import {expect} from 'chai';
import {type Fault, type InfisicalDouble, startInfisical} from '../../../test/bed/infisical/double.ts';
import backend from '../src/backend.ts';
import {contextFor, identityOf, logIn, type TestContext, troubleOf} from './bed.ts';

const root = {environment: 'dev', path: '/', recursive: false};

describe('A sentence reports what goes wrong with Infisical:', () => {
  let double: InfisicalDouble;
  let context: TestContext;

  beforeEach(async () => {
    double = await startInfisical();
    context = contextFor(double);
    await logIn(context, double);
    double.forget();
  });
  afterEach(() => double.close());

  const read = (folder: object = {}, changes: Partial<TestContext> = {}) =>
    troubleOf(backend.readFolder({...context, ...changes}, {...root, ...folder}));

  it('an environment that is not there, and a folder that is not, told apart by one more request', async () => {
    expect(await read({environment: 'nope'})).to.include({
      kind: 'not-found',
      what: 'The project "af6942bb-9dc3-4923-b3f0-1bf38e522808" has no environment "nope" that this identity can see.',
    });
    expect(double.count('list')).to.equal(1);
    expect((await read({environment: 'nope', path: '/ssh'})).what).to.match(/ has no environment "nope"/);
    expect(await read({path: '/nope'})).to.deep.equal({
      kind: 'not-found',
      what: 'The environment "dev" has no folder "/nope".',
      next: 'Check path in secrets.yml.',
    });
    expect(double.count('list')).to.equal(5);
    expect(double.requests.at(-1)!.url).to.include('viewSecretValue=false');
  });

  it('a project that is not there, or whose name stands for its id', async () => {
    for (const project of ['00000000-0000-4000-8000-000000000000', 'my-project']) {
      const trouble = await read({}, {settings: {...context.settings, project}});
      expect(trouble).to.include({kind: 'not-found', what: `There is no project with the id "${project}".`});
    }
  });

  it('an identity that is not a member, and one whose role may not read', async () => {
    await logIn(context, double, 'outsider');
    const outside = await read();
    expect(outside.kind).to.equal('no-permission');
    expect(outside.what).to.match(/^This identity is not a member of the project "af6942bb/);
    await logIn(context, double, 'noaccess');
    const inside = await read({path: '/ssh'});
    expect(inside.what).to.equal('This identity cannot read the secrets of "/ssh" in "dev".');
  });

  it('a token of another server', async () => {
    const token = {auth: 'access-token', ...context.settings};
    for (const given of ['abc.def.ghi', 'no-token']) {
      context = {...contextFor(double, token)};
      const nobody = () => Promise.reject(new Error('asked'));
      await backend.login!(context, {secret: Buffer.from(given), ask: nobody, askSecret: nobody});
      const trouble = await read();
      expect(trouble).to.include({kind: 'not-logged-in', what: 'Infisical rejected the token.'});
      expect(JSON.stringify(trouble)).not.to.include(given);
    }
  });

  it('values that the identity may not see are no values', async () => {
    const listed = {
      secrets: [
        {secretKey: 'SEEN', secretValue: 'value', secretPath: '/', secretValueHidden: false},
        {secretKey: 'UNSEEN', secretValue: '<hidden-by-infisical>', secretPath: '/', secretValueHidden: true},
      ],
      imports: [],
    };
    double.answerNext('list', listed, 3);
    const all = await read();
    expect(all).to.include({
      kind: 'no-permission',
      what: 'This identity can list "UNSEEN", but not read it.',
    });
    expect((await read({names: ['UNSEEN']})).what).to.equal(all.what);
    const wanted = await backend.readFolder(context, {...root, names: ['SEEN']});
    expect(wanted.state === 'read' && wanted.secrets.map(({name}) => name)).to.deep.equal(['SEEN']);
  });

  it('answers in JSON that are no answers of Infisical', async () => {
    const answers = [{}, {secrets: {}}, {secrets: [{secretKey: 1, secretValue: ''}]}, {secrets: [], imports: [{}]}, []];
    for (const json of answers) {
      double.answerNext('list', json);
      expect(await read()).to.include({
        kind: 'unreachable',
        what: `${double.url} does not answer like Infisical.`,
      });
    }
    double.answerNext('login', {accessToken: 'a b', expiresIn: 1});
    expect((await troubleOf(logIn(context, double))).what).to.match(/does not answer like Infisical/);
  });

  it('values that are no text', async () => {
    double.answerNext('list', {secrets: [{secretKey: 'TORN', secretValue: '\ud800', secretPath: '/'}]});
    expect((await read()).what).to.equal('The value of "TORN" arrived incomplete.');
  });

  const broken: readonly {fault: Fault; what: RegExp; why?: RegExp}[] = [
    {fault: 'reset', what: / cannot be reached\.$/, why: /broke off/},
    {fault: 'half-body', what: / cannot be reached\.$/, why: /broke off/},
    {fault: 'html', what: / answers with a web page, not as Infisical\.$/, why: /captive portal/},
    {fault: 'unavailable', what: / is unavailable: it answers with 503\.$/},
    {
      fault: {redirect: 'https://elsewhere.example/login?next=1'},
      what: / redirects to "https:\/\/elsewhere\.example"\.$/,
    },
    {fault: {retryAfterSeconds: 60}, what: / accepts no requests for 60 s\.$/},
  ];
  for (const {fault, what, why} of broken) {
    it(`a server with the fault ${JSON.stringify(fault)}, at the login and at a folder, with one request each`, async () => {
      for (const route of ['login', 'list'] as const) {
        double.forget();
        double.breakNext(route, fault, 10);
        const trouble = await (route === 'login'
          ? troubleOf(logIn(context, double))
          : read({}, {signal: new AbortController().signal}));
        expect(trouble.kind).to.equal('unreachable');
        expect(trouble.what).to.match(what);
        if (why !== undefined) expect(trouble.why).to.match(why);
        expect(double.requests).to.have.lengthOf(1);
      }
    });
  }

  for (const fault of ['hang', 'drip'] as const) {
    it(`a server with the fault ${fault} costs no more than the time that an answer may take`, async () => {
      double.breakNext('list', fault);
      const startedMs = performance.now();
      const trouble = await read({}, {timeoutMs: 400});
      expect(performance.now() - startedMs).to.be.within(390, 20_000);
      expect(trouble.what).to.match(/ did not answer within 0\.4 s\.$/);
      expect(double.requests).to.have.lengthOf(1);
    });
  }

  it('a request that nobody waits for ends at once', async () => {
    double.breakNext('list', 'hang');
    const controller = new AbortController();
    const trouble = read({}, {signal: controller.signal, timeoutMs: 60_000});
    setTimeout(() => controller.abort(), 50);
    expect((await trouble).what).to.match(/ was cancelled\.$/);
  });

  it('a server that wants to be left alone for a second is, and is then asked again', async () => {
    double.breakNext('list', {retryAfterSeconds: 1});
    const startedMs = performance.now();
    expect((await backend.readFolder(context, root)).state).to.equal('read');
    expect(performance.now() - startedMs).to.be.within(990, 20_000);
    expect(double.requests.map(({status}) => status)).to.deep.equal([429, 200]);
  });

  it('a server that wants to be left alone for longer is not asked by the requests that wait', async () => {
    double.breakNext('list', {retryAfterSeconds: 60}, 20);
    const all = Array.from({length: 20}, () => read());
    const troubles = await Promise.all(all);
    for (const trouble of troubles) expect(trouble.what).to.match(/ accepts no requests for \d+ s\.$/);
    expect(double.count('list')).to.be.at.most(4);
  });

  it('nothing that listens, at once', async () => {
    const {url} = double;
    await double.close();
    const startedMs = performance.now();
    const trouble = await read();
    expect(performance.now() - startedMs).to.be.below(5000);
    expect(trouble).to.deep.include({what: `${url} cannot be reached.`, why: 'Nothing listens there.'});
  });

  it('another program at the address', async () => {
    context = contextFor(double, {url: `${double.url}/elsewhere`});
    const trouble = await troubleOf(logIn(context, double));
    expect(trouble.what).to.match(/ does not know this request\.$/);
  });

  it('and none of it holds a token, a secret or a control character of somebody else', async () => {
    const {clientSecret} = identityOf(double, 'reader');
    const token = (JSON.parse(Buffer.from(context.stored.get('session')!).toString()) as {token: string}).token;
    const troubles = [
      await read({environment: '\u001b[2J\u202e'}),
      await read({path: '/a\nb'}),
      await read({}, {settings: {...context.settings, project: '\u001b'}}),
    ];
    double.breakNext('list', 'html');
    troubles.push(await read());
    const told = JSON.stringify(troubles);
    expect(told).not.to.include(token).and.not.to.include(clientSecret);
    for (const {what, why = '', next = ''} of troubles) expect(what + why + next).not.to.match(/[\p{Cc}\u202e]/u);
  });
});
