import {readdirSync, readFileSync} from 'node:fs';
import {join} from 'node:path';
import type {BackendError} from 'tazpod/contract';
import {expect} from 'chai';
import {type InfisicalDouble, startInfisical} from '../../../test/bed/infisical/double.ts';
import {routeOf} from '../../../test/bed/infisical/routes.ts';
import backend from '../src/backend.ts';
import {contextFor, logIn, type TestContext, troubleOf} from './bed.ts';

const folder = new URL('../../../test/bed/infisical/recordings', import.meta.url).pathname;

/** What each recorded refusal becomes. */
const told: Readonly<Record<string, [BackendError['tazpod']['kind'], RegExp]>> = {
  'error-400-bad-json': ['unreachable', / failed: 500 \(InternalServerError\)\.$/],
  'error-400-missing-project': ['unreachable', / refused the request: 400 \(BadRequest\)\.$/],
  'error-401-client-secret-used-up': ['no-permission', /has reached its usage limit/],
  'error-401-lockout-right-secret': ['no-permission', /has temporarily locked this identity/],
  'error-401-no-token': ['not-logged-in', /rejected the token/],
  'error-401-unknown-client-id': ['no-permission', /rejected this client id with this client secret/],
  'error-401-wrong-client-secret': ['no-permission', /rejected this client id with this client secret/],
  'error-401-wrong-client-secret-try2': ['no-permission', /rejected this client id with this client secret/],
  'error-401-wrong-client-secret-try3': ['no-permission', /rejected this client id with this client secret/],
  'error-401-wrong-client-secret-try4': ['no-permission', /has temporarily locked this identity/],
  'error-401-wrong-client-secret-try5': ['no-permission', /has temporarily locked this identity/],
  'error-403-no-permission-list': ['no-permission', /cannot read the secrets of/],
  'error-403-not-a-member': ['no-permission', /is not a member of the project/],
  'error-404-environment': ['not-found', /has no environment/],
  'error-404-folder': ['not-found', /has no environment/],
  'error-404-project-wrong-id': ['not-found', /There is no project with the id/],
  'error-404-route': ['unreachable', /does not know this request/],
  'error-422-validation': ['settings', /rejected the format of this client id/],
  'error-429-rate-limit': ['unreachable', /accepts no requests for/],
  'error-client-id-not-uuid': ['no-permission', /rejected this client id with this client secret/],
  'error-project-not-uuid': ['not-found', /There is no project with the id/],
  'error-renew-expired': ['not-logged-in', /The session with Infisical has expired/],
  'error-token-bad-signature': ['not-logged-in', /rejected the token/],
  'error-token-expired': ['not-logged-in', /The session with Infisical has expired/],
  'error-token-malformed': ['not-logged-in', /rejected the token/],
  'error-token-revoked': ['not-logged-in', /was ended by the server/],
};

/** Of requests that the backend never makes: for one secret, and to write one. */
const neverMet = ['get', 'create'];

describe('A recorded refusal of Infisical becomes a sentence and what to do:', () => {
  let double: InfisicalDouble;
  let context: TestContext;

  before(async () => {
    double = await startInfisical();
    context = contextFor(double);
    await logIn(context, double);
  });
  after(() => double.close());

  type Recording = {
    readonly request: {readonly method: string; readonly path: string};
    readonly response: {
      readonly status: number;
      readonly headers: Readonly<Record<string, string>>;
      readonly body: object;
    };
  };
  for (const name of readdirSync(folder).map((file) => file.replace('.json', ''))) {
    if (!name.startsWith('error-')) continue;
    const {request, response} = JSON.parse(readFileSync(join(folder, `${name}.json`), 'utf8')) as Recording;
    const {method, path} = request;
    const route = routeOf({method, path: path.split('?')[0]!});
    if (neverMet.includes(route) && name !== 'error-429-rate-limit') continue;

    it(name.replace('error-', '').replaceAll('-', ' '), async () => {
      const asked = route === 'login' ? 'login' : 'list';
      const wait = response.headers['retry-after'];
      const {status, body: json} = response;
      double.breakNext(asked, wait === undefined ? {status, json} : {retryAfterSeconds: Number(wait)}, 2);
      // Where the token has ended, a renewal is tried; that of a recorded session has ended, too.
      double.breakNext('renew', {status: 403, json: {error: 'TokenError', message: 'invalid token'}});
      const root = {environment: 'dev', path: '/', recursive: false};
      // Each a command of its own: what one learns of a limit holds for all its requests.
      const command = {...context, signal: new AbortController().signal};
      const work = asked === 'login' ? logIn(command, double) : backend.readFolder(command, root);
      const trouble = await troubleOf(work);
      double.mend();
      const [kind, what] = told[name]!;
      expect(trouble.kind).to.equal(kind);
      expect(trouble.what).to.match(what);
      expect(trouble.next).to.match(/^[A-Z].*[.)]$|^(tazpod|infisical) |: tazpod login$/);
      const {message} = response.body as {message?: unknown};
      expect(JSON.stringify(trouble)).not.to.include(String(message));
    });
  }
});
