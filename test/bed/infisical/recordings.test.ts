import {readdirSync, readFileSync} from 'node:fs';
import {request as send} from 'node:http';
import {buffer} from 'node:stream/consumers';
import {join} from 'node:path';
import {expect} from 'chai';
import {type InfisicalDouble, startInfisical} from './double.ts';
import {newClientSecret} from './world.ts';

type Recording = {
  readonly request: {
    readonly method: string;
    readonly path: string;
    readonly headers: Record<string, string>;
    readonly body?: unknown;
  };
  readonly response: {
    readonly status: number;
    readonly headers: Record<string, string>;
    readonly body: unknown;
  };
};

type Answer = {readonly status: number; readonly headers: Record<string, string>; readonly body: string};

const folder = join(import.meta.dirname, 'recordings');
const listPath =
  '/api/v3/secrets/raw?workspaceId=af6942bb-9dc3-4923-b3f0-1bf38e522808&environment=dev' +
  '&expandSecretReferences=true&include_imports=false&recursive=false&viewSecretValue=true';

describe('The double of an Infisical server', () => {
  let double: InfisicalDouble;

  beforeEach(async () => {
    double = await startInfisical();
  });
  afterEach(() => double.close());

  const names = readdirSync(folder).map((file) => file.replace('.json', ''));
  for (const name of names) {
    it(`answers as a real server did: ${name.replaceAll('-', ' ')}`, async () => {
      const recording = JSON.parse(readFileSync(join(folder, `${name}.json`), 'utf8')) as Recording;
      if (name.includes('rate-limit')) {
        await double.close();
        double = await startInfisical({limit: 40});
      }
      const answer = await replay(name, recording);
      expect(answer.status).to.equal(recording.response.status);
      compareHeaders(answer, recording);
      compareBodies(answer, recording);
    });
  }

  /** Puts back what the recording leaves out, and brings the double to where the recorded server was. */
  async function replay(name: string, {request}: Recording): Promise<Answer> {
    const {method, path} = request;
    const headers = {...request.headers};
    if (/^Bearer <JWT/.test(headers['authorization'] ?? '')) headers['authorization'] = `Bearer ${await token(name)}`;
    if (headers['if-none-match'] !== undefined) {
      const list = {authorization: headers['authorization']!};
      headers['if-none-match'] = (await ask('GET', listPath, list)).headers['etag']!;
    }
    if (name === 'error-429-rate-limit') for (let i = 0; i < 40; i += 1) await ask('GET', path, headers);
    let body = typeof request.body === 'string' ? request.body : undefined;
    if (typeof request.body === 'object') {
      const fields = {...(request.body as Record<string, string>)};
      if (fields['accessToken'] !== undefined) fields['accessToken'] = await token(name);
      if (/^<64/.test(fields['clientSecret'] ?? '')) fields['clientSecret'] = await clientSecret(name, fields);
      body = JSON.stringify(fields);
    }
    return ask(method, path, headers, body);
  }

  async function token(name: string): Promise<string> {
    const identity =
      {
        'error-403-no-permission-get': 'noaccess',
        'error-403-no-permission-list': 'noaccess',
        'error-403-not-a-member': 'outsider',
        'error-token-expired': 'shortlived',
        'error-renew-expired': 'shortlived',
        'token-renew': 'shortlived',
      }[name] ?? 'reader';
    const accessToken = await login(identity);
    if (name.includes('expired')) double.advance(6000);
    if (name === 'error-token-revoked') {
      const headers = {'content-type': 'application/json'};
      await ask('POST', '/api/v1/auth/token/revoke', headers, JSON.stringify({accessToken}));
    }
    return name === 'error-token-bad-signature'
      ? `${accessToken.slice(0, -4)}${accessToken.endsWith('AAAA') ? 'BBBB' : 'AAAA'}`
      : accessToken;
  }

  async function clientSecret(name: string, {clientId}: Record<string, string>): Promise<string> {
    const identity = double.world.identities.find((each) => each.clientId === clientId);
    if (identity === undefined) return newClientSecret();
    if (name === 'error-401-client-secret-used-up') await login('oneuse');
    const earlierFailures = name === 'error-401-lockout-right-secret' ? 3 : Number(/try(\d)/.exec(name)?.[1] ?? 1) - 1;
    for (let i = 0; i < earlierFailures; i += 1) await postLogin(identity.clientId, newClientSecret());
    return name.includes('wrong-client-secret') ? newClientSecret() : identity.clientSecrets[0]!.secret;
  }

  async function login(name: string): Promise<string> {
    const {clientId, clientSecrets} = double.world.identities.find((each) => each.name === `tazpod-${name}`)!;
    const {body} = await postLogin(clientId, clientSecrets[0]!.secret);
    return (JSON.parse(body) as {accessToken: string}).accessToken;
  }

  function postLogin(clientId: string, secret: string): Promise<Answer> {
    const headers = {'content-type': 'application/json'};
    const body = JSON.stringify({clientId, clientSecret: secret});
    return ask('POST', '/api/v1/auth/universal-auth/login', headers, body);
  }

  async function ask(
    method: string,
    path: string,
    headers: Record<string, string> = {},
    body?: string,
  ): Promise<Answer> {
    const {promise, resolve, reject} = Promise.withResolvers<Answer>();
    const request = send(`${double.url}${path}`, {method, headers: {...headers, connection: 'keep-alive'}});
    request.on('error', reject).on('response', (response) => {
      void buffer(response).then((bytes) => {
        const {statusCode: status, headers: received} = response;
        resolve({status: status!, headers: received as Record<string, string>, body: bytes.toString()});
      }, reject);
    });
    request.end(body);
    return promise;
  }
});

function compareHeaders(answer: Answer, {response}: Recording): void {
  const [given, recorded] = [answer.headers, response.headers];
  expect(given['date']).to.match(/ GMT$/);
  // What an ETag of a list is made of is not known, and that of an error holds the id of the request.
  const form = (etag = '') => etag.replace(/[\w/+-]/g, 'x');
  expect(form(given['etag'])).to.equal(form(recorded['etag']));
  expect(without(given, ['date', 'etag'])).to.deep.equal(without(recorded, ['date', 'etag']));
}

function compareBodies(answer: Answer, {response}: Recording): void {
  if (response.body === '') {
    expect(answer.body).to.equal('');
    return;
  }
  const recorded = response.body as Record<string, unknown>;
  const given = JSON.parse(answer.body) as Record<string, unknown>;
  if (recorded['reqId'] !== undefined) expect(given['reqId']).to.match(/^req-[A-Za-z0-9]{14}$/);
  if (recorded['accessToken'] !== undefined) {
    expect(`<JWT of ${String(given['accessToken']).length} chars>`).to.equal(recorded['accessToken']);
  }
  const changing = ['reqId', 'accessToken', ...(recorded['message'] === 'Ok' ? ['date'] : [])];
  const shortened = JSON.stringify(without(given, changing)).replace('x'.repeat(60_000), '<60000 times x>');
  expect(JSON.parse(shortened)).to.deep.equal(without(recorded, changing));
}

function without(fields: Record<string, unknown>, names: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).filter(([name]) => !names.includes(name)));
}
