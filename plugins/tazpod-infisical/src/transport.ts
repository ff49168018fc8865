import type {IncomingHttpHeaders} from 'node:http';
import type {Dispatcher} from 'undici';
import {type ConnectionOptions, connectionsTo} from './connections.ts';
import {
  answerTooLarge,
  cancelled,
  invalidJson,
  notJson,
  redirected,
  serverUnavailable,
  timedOut,
  unreachable,
  untrustedCertificate,
} from './failures.ts';
import {enter, keepAway, serverOf} from './server.ts';

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

export type TransportOptions = ConnectionOptions & {
  readonly url: URL;
  /** For one answer, with all waiting in between. */
  readonly timeoutMs: number;
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
  const {url, timeoutMs, signal, caFile = ''} = options;
  const {origin} = url;
  const server = serverOf(signal, `${origin} ${caFile}`, () => connectionsTo(url, options));
  const connections = await server.connections;
  return async (asked) => {
    const leave = await enter(server, signal);
    const deadlineMs = performance.now() + timeoutMs;
    const timeout = new AbortController();
    const timer = setTimeout(() => timeout.abort(), timeoutMs);
    const within = AbortSignal.any([signal, timeout.signal]);
    try {
      for (;;) {
        const restMs = server.restUntilMs - performance.now();
        if (restMs > 0) await keepAway(origin, restMs, deadlineMs, within, 429);
        const raw = await send(asked, within, connections);
        const waitMs = retryAfterMs(raw);
        if (waitMs === undefined) return read(raw, origin);
        server.restUntilMs = performance.now() + waitMs;
        await keepAway(origin, waitMs, deadlineMs, within, raw.status);
      }
    } catch (error) {
      if (isFailure(error)) throw error;
      if (signal.aborted) throw cancelled(origin);
      if (timeout.signal.aborted) throw timedOut(origin, timeoutMs);
      throw connectionFailed(origin, error);
    } finally {
      clearTimeout(timer);
      leave();
    }
  };
}

/** Puts one request on its way, and reads the whole answer. */
async function send({method, url, headers, body}: Asked, signal: AbortSignal, connections: Dispatcher): Promise<Raw> {
  const answer = await connections.request({
    origin: url.origin,
    path: `${url.pathname}${url.search}`,
    method,
    headers: {accept: 'application/json', ...headers},
    body: body ?? null,
    signal,
  });
  const chunks: Buffer[] = [];
  let sizeBytes = 0;
  for await (const chunk of answer.body) {
    chunks.push(chunk as Buffer);
    sizeBytes += (chunk as Buffer).length;
    if (sizeBytes > maximumBodyBytes) throw answerTooLarge(url.origin);
  }
  return {status: answer.statusCode, headers: answer.headers, body: Buffer.concat(chunks)};
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
  const {code: given = ''} = error as {code?: string};
  // undici's own word for a connection that the other side has closed.
  const code = given === 'UND_ERR_SOCKET' ? 'ECONNRESET' : given;
  return certificateCodes.test(code) ? untrustedCertificate(server, code) : unreachable(server, code);
}

function isFailure(error: unknown): boolean {
  return typeof error === 'object' && error !== null && 'tazpod' in error;
}
