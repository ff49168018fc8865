import {readFile} from 'node:fs/promises';
import {Agent as HttpAgent, type IncomingHttpHeaders, request as requestHttp} from 'node:http';
import {Agent as HttpsAgent, request as requestHttps} from 'node:https';
import {setTimeout as sleep} from 'node:timers/promises';
import {getCACertificates} from 'node:tls';
import {
  answerTooLarge,
  cancelled,
  certificatesUnreadable,
  invalidJson,
  invalidProxy,
  noCertificates,
  notJson,
  overloaded,
  redirected,
  serverUnavailable,
  timedOut,
  unreachable,
  untrustedCertificate,
} from './failures.ts';

export type Asked = {
  readonly method: string;
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
};

/** An answer in JSON, or 304 without one. */
export type Answered = {
  readonly status: number;
  readonly etag: string | undefined;
  /** Undefined with a 304. */
  readonly json: unknown;
};

export type Transport = (asked: Asked) => Promise<Answered>;

export type TransportOptions = {
  /** For one answer, with all waiting in between. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  /** PEM, trusted besides what Node trusts. */
  readonly caFile?: string;
  /** HTTPS_PROXY, HTTP_PROXY and NO_PROXY are heeded, also in small letters, by a Node that knows them (22.21, 24.5). */
  readonly environment: Readonly<Record<string, string | undefined>>;
};

type Raw = {readonly status: number; readonly headers: IncomingHttpHeaders; readonly body: Buffer};

/** More than ten thousand secrets need, and less than what a process of a small machine dies of. */
const maximumBodyBytes = 64 * 1024 * 1024;

/** What Node says of a certificate that it does not trust. */
const certificateCodes =
  /^(SELF_SIGNED_CERT|DEPTH_ZERO_SELF_SIGNED|UNABLE_TO_(VERIFY_LEAF|GET_ISSUER)|CERT_|ERR_TLS_CERT_ALTNAME)/;

/**
 * Sends requests in place of the SDK's own client, which waits a minute for a server that is silent, tries five times
 * where one is refused, does not heed `retry-after`, takes a web page for an answer, knows no ETag, and has no
 * setting for a certificate. Rejects with a `BackendError` when there is no answer in JSON; what the answer says is for the
 * caller to judge.
 */
export async function makeTransport(options: TransportOptions): Promise<Transport> {
  const {timeoutMs, signal, caFile, environment} = options;
  const ca = caFile === undefined ? undefined : [...getCACertificates('default'), await readCertificates(caFile)];
  const agents = makeAgents(environment, ca);
  return async (asked) => {
    const server = asked.url.origin;
    const shared = serverOf(signal, server);
    const leave = await enter(shared, signal);
    const deadlineMs = performance.now() + timeoutMs;
    const timeout = new AbortController();
    const timer = setTimeout(() => timeout.abort(), timeoutMs);
    const within = AbortSignal.any([signal, timeout.signal]);
    try {
      for (;;) {
        const restMs = shared.restUntilMs - performance.now();
        if (restMs > 0) await keepAway(server, restMs, deadlineMs, within, 429);
        const raw = await send(asked, within, agents);
        const waitMs = retryAfterMs(raw);
        if (waitMs === undefined) return read(raw, server);
        shared.restUntilMs = performance.now() + waitMs;
        await keepAway(server, waitMs, deadlineMs, within, raw.status);
      }
    } catch (error) {
      if (isFailure(error)) throw error;
      if (signal.aborted) throw cancelled(server);
      if (timeout.signal.aborted) {
        throw timedOut(server, timeoutMs);
      }
      throw connectionFailed(server, error);
    } finally {
      clearTimeout(timer);
      leave();
    }
  };
}

/** What all requests of one command to one server share. */
type Server = {
  count: number;
  readonly waiting: (() => void)[];
  /** Until when it wants to be left alone, by `performance.now()`: what one request learns holds for all. */
  restUntilMs: number;
};

/** By the signal of a command, which each of its folders has. */
const serversOf = new WeakMap<AbortSignal, Map<string, Server>>();

function serverOf(signal: AbortSignal, origin: string): Server {
  const servers = serversOf.get(signal) ?? new Map<string, Server>();
  serversOf.set(signal, servers);
  const server = servers.get(origin) ?? {count: 0, waiting: [], restUntilMs: 0};
  servers.set(origin, server);
  return server;
}

async function keepAway(
  server: string,
  waitMs: number,
  deadlineMs: number,
  signal: AbortSignal,
  status: number,
): Promise<void> {
  if (performance.now() + waitMs >= deadlineMs) {
    const seconds = Math.ceil(waitMs / 1000);
    throw overloaded(server, seconds, status);
  }
  await sleep(waitMs, undefined, {signal});
}

/** Requests at a time to one server: with all of them at once, all would go out before the first is refused. */
const atOnce = 4;

/** Waits for its turn; time in the queue is no time of the server. Call what it returns at the end. */
async function enter(queue: Server, signal: AbortSignal): Promise<() => void> {
  // A turn is handed over, so the count stays.
  if (queue.count < atOnce) queue.count += 1;
  else {
    await new Promise<void>((resolve) => {
      queue.waiting.push(resolve);
      signal.addEventListener('abort', () => resolve(), {once: true});
    });
  }
  return () => {
    const next = queue.waiting.shift();
    if (next === undefined) queue.count -= 1;
    else next();
  };
}

type Agents = {readonly http: HttpAgent; readonly https: HttpsAgent};

/** A connection for each request: a command makes two or three, and none may meet a connection that is dead. */
function makeAgents(environment: TransportOptions['environment'], ca: string[] | undefined): Agents {
  const options = {keepAlive: false, proxyEnv: environment as NodeJS.ProcessEnv};
  try {
    return {http: new HttpAgent(options), https: new HttpsAgent({...options, ...(ca === undefined ? {} : {ca})})};
  } catch {
    // Its own words may repeat a password that stands in the address.
    throw invalidProxy();
  }
}

async function readCertificates(path: string): Promise<string> {
  let text: string;
  try {
    text = await readFile(path, 'latin1');
  } catch {
    throw certificatesUnreadable(path);
  }
  if (text.includes('-----BEGIN CERTIFICATE-----')) return text;
  throw noCertificates(path);
}

function send(asked: Asked, signal: AbortSignal, agents: Agents): Promise<Raw> {
  const {promise, resolve, reject} = Promise.withResolvers<Raw>();
  const {method, headers, url} = asked;
  const options = {method, headers: {accept: 'application/json', ...headers}, signal};
  const request =
    url.protocol === 'https:'
      ? requestHttps(url, {...options, agent: agents.https})
      : requestHttp(url, {...options, agent: agents.http});
  request.on('error', reject);
  request.on('response', (response) => {
    const chunks: Buffer[] = [];
    let sizeBytes = 0;
    response.on('error', reject);
    response.on('data', (chunk: Buffer) => {
      sizeBytes += chunk.length;
      if (sizeBytes > maximumBodyBytes) {
        request.destroy(answerTooLarge(url.origin));
      } else chunks.push(chunk);
    });
    response.on('end', () => {
      resolve({status: response.statusCode!, headers: response.headers, body: Buffer.concat(chunks)});
    });
  });
  request.end(asked.body);
  return promise;
}

/** How long the server wants to be left alone, where it says so. Less than a second would be a storm. */
function retryAfterMs({status, headers}: Raw): number | undefined {
  if (status !== 429 && !(status === 503 && headers['retry-after'] !== undefined)) return undefined;
  const seconds = Number(headers['retry-after'] ?? headers['x-ratelimit-reset'] ?? 1);
  return 1000 * Math.max(1, Number.isFinite(seconds) ? seconds : 60);
}

function read({status, headers, body}: Raw, server: string): Answered {
  if (status === 304) return {status, etag: headers.etag, json: undefined};
  if (status >= 300 && status < 400) {
    const target = URL.parse(headers.location ?? '', server)?.origin;
    throw redirected(server, target);
  }
  if (status >= 500 && !isJson(headers)) {
    throw serverUnavailable(server, status);
  }
  if (!isJson(headers)) {
    const isPage = /html/i.test(headers['content-type'] ?? '');
    throw notJson(server, isPage);
  }
  try {
    return {status, etag: headers.etag, json: JSON.parse(body.toString('utf8'))};
  } catch {
    throw invalidJson(server);
  } finally {
    body.fill(0);
  }
}

function isJson(headers: IncomingHttpHeaders): boolean {
  return /^application\/([\w.-]+\+)?json\b/i.test(headers['content-type'] ?? '');
}

function connectionFailed(server: string, error: unknown): Error {
  const {code = ''} = error as {code?: string};
  return certificateCodes.test(code) ? untrustedCertificate(server, code) : unreachable(server, code);
}

function isFailure(error: unknown): boolean {
  return typeof error === 'object' && error !== null && 'tazpod' in error;
}
