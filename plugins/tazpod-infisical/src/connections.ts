import {readFile} from 'node:fs/promises';
import {getCACertificates} from 'node:tls';
import type {Dispatcher, EnvHttpProxyAgent} from 'undici';
import {certificatesUnreadable, invalidProxy, noCertificates} from './failures.ts';
import {atOnce} from './server.ts';

export type ConnectionOptions = {
  /** For a connection to be made. */
  readonly timeoutMs: number;
  /** Closes all of them. */
  readonly signal: AbortSignal;
  /** PEM, trusted besides what Node trusts. */
  readonly caFile?: string;
  /** HTTPS_PROXY, HTTP_PROXY and NO_PROXY are heeded, also in small letters. */
  readonly environment: Readonly<Record<string, string | undefined>>;
};

/** An idle connection is used again for so long, whatever the server promises: it might meet one that is dead. */
const keepAliveMs = 4000;

/**
 * Connections to one server: direct ones, or through the proxy that the environment names for its protocol.
 */
export async function connectionsTo(server: URL, options: ConnectionOptions): Promise<Dispatcher> {
  const {timeoutMs, signal, caFile, environment} = options;
  const connect = {timeout: timeoutMs, signal, ...(caFile === undefined ? {} : {ca: await trusted(caFile)})};
  const named = (name: string) => environment[name] ?? environment[name.toUpperCase()] ?? '';
  const proxy = named(server.protocol === 'https:' ? 'https_proxy' : 'http_proxy');
  const {protocol = '', username = '', password = ''} = URL.parse(proxy) ?? {};
  // The words of undici may repeat a password that stands in the address.
  if (proxy !== '' && !/^https?:$/.test(protocol)) throw invalidProxy();
  const Agent = await loadUndici();
  return new Agent({
    // Both, since undici takes one for the other where one is missing. An empty one keeps it from looking by itself.
    httpProxy: proxy,
    httpsProxy: proxy,
    noProxy: named('no_proxy'),
    // undici takes a name only with a password behind it.
    ...(username === '' ? {} : {token: basic(username, password)}),
    // Many proxies refuse a tunnel to a server that speaks HTTP.
    proxyTunnel: false,
    connections: atOnce,
    connect,
    proxyTls: connect,
    requestTls: connect,
    keepAliveTimeout: keepAliveMs,
    keepAliveMaxTimeout: keepAliveMs,
    // The whole of a request has a time limit, by its signal.
    headersTimeout: 0,
    bodyTimeout: 0,
  });
}

/**
 * Of undici only what a request needs, put together as its index.js does. The whole of it, with fetch, caches and
 * WebSocket, would take as long again to load, for each command that asks a server.
 */
async function loadUndici(): Promise<typeof EnvHttpProxyAgent> {
  const [{default: agent}, {default: dispatcher}, {default: methods}] = await Promise.all([
    import('undici/lib/dispatcher/env-http-proxy-agent.js'),
    import('undici/lib/dispatcher/dispatcher.js'),
    import('undici/lib/api/index.js'),
  ]);
  Object.assign(dispatcher.prototype, methods);
  return agent;
}

function basic(username: string, password: string): string {
  const words = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  return `Basic ${Buffer.from(words).toString('base64')}`;
}

async function trusted(caFile: string): Promise<string[]> {
  return [...getCACertificates('default'), await readCertificates(caFile)];
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
