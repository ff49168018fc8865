import {createHash, randomBytes} from 'node:crypto';
import {
  createServer as createHttpServer,
  type IncomingMessage,
  type RequestListener,
  type ServerResponse,
} from 'node:http';
import {createServer as createHttpsServer} from 'node:https';
import type {AddressInfo} from 'node:net';
import {buffer} from 'node:stream/consumers';
import {answer, refusal, type Reply, routeOf, type RouteName, type State} from './routes.ts';
import {recordedWorld, type World} from './world.ts';

/** A way for an answer to go wrong. */
export type Fault =
  /** Nothing is ever answered. */
  | 'hang'
  /** The connection is reset before an answer. */
  | 'reset'
  /** The headers and the first half of the body, and then the connection ends. */
  | 'half-body'
  /** 200 with a web page, as of a captive portal. */
  | 'html'
  /** 503, as of a proxy before a server that is down. */
  | 'unavailable'
  /** The right answer, a byte every 100 ms. */
  | 'drip'
  /** 429 with this many seconds in `retry-after`. */
  | {readonly retryAfterSeconds: number}
  /** A redirection to this address. */
  | {readonly redirect: string}
  /** This body, with 200 where nothing is said. */
  | {readonly json: object; readonly status?: number};

/** What was asked for: no body, and of a token only whether there was one. */
export type SeenRequest = {
  readonly route: RouteName;
  readonly method: string;
  readonly url: string;
  readonly hasToken: boolean;
  status: number;
};

export type InfisicalDouble = {
  /** `http://127.0.0.1:PORT`. */
  readonly url: string;
  readonly world: World;
  /** Every request since the start, or since `forget`. */
  readonly requests: SeenRequest[];
  /** How many connections there have been since the start. */
  connections(): number;
  /** How many requests a route has had. */
  count(route: RouteName): number;
  forget(): void;
  /** Lets the next answers of a route go wrong. */
  breakNext(route: RouteName, fault: Fault, times?: number): void;
  /** Lets the next answers of a route be this, with 200. */
  answerNext(route: RouteName, json: object, times?: number): void;
  /** Lets all answers be right again. */
  mend(): void;
  /** Moves the clock by which tokens expire and locks end. */
  advance(ms: number): void;
  close(): Promise<void>;
};

export type DoubleOptions = {
  readonly world?: World;
  /** Requests about secrets a minute; without it there is no limit and no header about one, as on a self-hosted server. */
  readonly limit?: number;
  /** PEM: speaks https. */
  readonly tls?: {readonly key: string; readonly cert: string};
};

const dripMs = 100;
const limitWindowSeconds = 60;

/** On every answer. The origin is that of the recordings. */
const fixedHeaders = {
  'access-control-allow-credentials': 'true',
  'access-control-allow-origin': 'http://127.0.0.1:4455',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'origin-agent-cluster': '?1',
  'referrer-policy': 'no-referrer',
  'strict-transport-security': 'max-age=31536000; includeSubDomains',
  vary: 'Origin',
  'x-content-type-options': 'nosniff',
  'x-dns-prefetch-control': 'off',
  'x-download-options': 'noopen',
  'x-frame-options': 'SAMEORIGIN',
  'x-permitted-cross-domain-policies': 'none',
  'x-xss-protection': '0',
};

/**
 * Starts a double of an Infisical server on loopback, as strict as the recordings beside this file: what it is asked
 * in another way than a real server understands, it refuses in the same words.
 */
export async function startInfisical(options: DoubleOptions = {}): Promise<InfisicalDouble> {
  const world = options.world ?? recordedWorld();
  const requests: SeenRequest[] = [];
  const faults = new Map<RouteName, Fault[]>();
  let aheadMs = 0;
  let used = 0;
  const state: State = {
    world,
    key: randomBytes(32).toString('hex'),
    revoked: new Set(),
    nowMs: () => Date.now() + aheadMs,
  };

  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const url = new URL(request.url!, 'http://double');
    const call = {
      method: request.method!,
      path: url.pathname,
      query: url.searchParams,
      authorization: request.headers.authorization,
      body: await buffer(request),
    };
    const route = routeOf(call);
    const hasToken = call.authorization !== undefined;
    const seen: SeenRequest = {route, method: call.method, url: request.url!, hasToken, status: 0};
    requests.push(seen);
    const fault = faults.get(route)?.shift();
    if (typeof fault === 'string' && (await goWrongWithoutAnswer(fault, response))) return;

    const isLimited = options.limit !== undefined && ['list', 'get', 'create'].includes(route);
    if (isLimited) used += 1;
    const tooMany = typeof fault === 'object' && 'retryAfterSeconds' in fault;
    const limited = tooMany || (isLimited && used > options.limit);
    const waitSeconds = tooMany ? fault.retryAfterSeconds : limitWindowSeconds;
    const reply: Reply = limited
      ? refusal(429, 'RateLimitExceeded', `Rate limit exceeded. Please try again in ${waitSeconds} seconds`)
      : typeof fault === 'object' && 'json' in fault
        ? {status: fault.status ?? 200, body: fault.json}
        : answer(state, call);
    const body = Buffer.from(JSON.stringify(reply.body));
    const etag = `"${etagOf(reply, body)}"`;
    const unchanged = call.method === 'GET' && reply.status === 200 && request.headers['if-none-match'] === etag;
    seen.status = unchanged ? 304 : reply.status;
    const limit = isLimited ? options.limit : tooMany ? 40 : undefined;
    const headers = {
      ...fixedHeaders,
      ...(unchanged ? {} : {'content-type': 'application/json; charset=utf-8'}),
      'content-length': unchanged ? 0 : body.length,
      etag,
      ...(reply.closes === true ? {connection: 'close'} : {}),
      ...(limited ? {'retry-after': String(waitSeconds)} : {}),
      ...(limit === undefined
        ? {}
        : {
            'x-ratelimit-limit': limit,
            'x-ratelimit-remaining': limited ? 0 : Math.max(0, limit - used),
            'x-ratelimit-reset': waitSeconds,
          }),
    };
    if (typeof fault === 'object' && 'redirect' in fault) {
      seen.status = 302;
      response.writeHead(302, {...fixedHeaders, location: fault.redirect, 'content-length': 0}).end();
      return;
    }
    response.writeHead(seen.status, headers);
    if (fault === 'half-body') {
      response.write(body.subarray(0, body.length / 2), () => void response.destroy());
    } else if (fault === 'drip') drip(response, body);
    else response.end(unchanged ? undefined : body);
  };

  const listener: RequestListener = (request, response) => {
    serve(request, response).catch((error: unknown) => response.destroy(error as Error));
  };
  const keepAliveTimeout = 72_000;
  const server =
    options.tls === undefined
      ? createHttpServer({keepAliveTimeout}, listener)
      : createHttpsServer({keepAliveTimeout, ...options.tls}, listener);
  let connections = 0;
  server.on('connection', () => (connections += 1));
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  const {port} = server.address() as AddressInfo;
  const breakNext: InfisicalDouble['breakNext'] = (route, fault, times = 1) => {
    faults.set(route, [...(faults.get(route) ?? []), ...Array.from({length: times}, () => fault)]);
  };
  return {
    url: `${options.tls ? 'https' : 'http'}://127.0.0.1:${port}`,
    world,
    requests,
    connections: () => connections,
    count: (route) => requests.filter((each) => each.route === route).length,
    forget: () => void requests.splice(0),
    breakNext,
    answerNext: (route, json, times) => breakNext(route, {json}, times),
    mend: () => faults.clear(),
    advance: (ms) => {
      aheadMs += ms;
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** True when that was all. */
async function goWrongWithoutAnswer(fault: string, response: ServerResponse): Promise<boolean> {
  if (fault === 'hang') return true;
  if (fault === 'reset') {
    response.socket!.resetAndDestroy();
    return true;
  }
  if (fault === 'html') {
    response.writeHead(200, {'content-type': 'text/html'}).end('<!doctype html><title>Welcome to our hotel</title>');
    return true;
  }
  if (fault === 'unavailable') {
    response.writeHead(503, {'content-type': 'text/html'}).end('<h1>503 Service Temporarily Unavailable</h1>');
    return true;
  }
  return false;
}

function drip(response: ServerResponse, body: Buffer): void {
  let sent = 0;
  const timer = setInterval(() => {
    if (sent === body.length) response.end();
    else response.write(body.subarray(sent, (sent += 1)));
  }, dripMs);
  response.on('close', () => clearInterval(timer));
}

/** Base64 of a SHA-1 of the body; for lists 32 bytes in base64url, of which no more is known. */
function etagOf({isList}: Reply, body: Buffer): string {
  return isList === true
    ? createHash('sha256').update(body).digest('base64url')
    : createHash('sha1').update(body).digest('base64');
}
