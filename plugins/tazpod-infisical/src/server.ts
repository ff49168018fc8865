import {setTimeout as sleep} from 'node:timers/promises';
import type {Dispatcher} from 'undici';
import {overloaded} from './failures.ts';

/** Requests at a time to one server: with all of them at once, all would go out before the first is refused. */
export const atOnce = 4;

/** What all requests of one command to one server share. */
export type Server = {
  readonly connections: Promise<Dispatcher>;
  count: number;
  readonly waiting: (() => void)[];
  /** Until when it wants to be left alone, by `performance.now()`: what one request learns holds for all. */
  restUntilMs: number;
};

/** By the signal of a command, which each of its folders has. */
const serversOf = new WeakMap<AbortSignal, Map<string, Server>>();

/** The server of that name, with the connections that the first one to ask makes. */
export function serverOf(signal: AbortSignal, name: string, connect: () => Promise<Dispatcher>): Server {
  const servers = serversOf.get(signal) ?? new Map<string, Server>();
  serversOf.set(signal, servers);
  const known = servers.get(name);
  if (known !== undefined) return known;
  const server = {connections: connect(), count: 0, waiting: [], restUntilMs: 0};
  servers.set(name, server);
  server.connections.catch(() => servers.delete(name));
  return server;
}

/** Waits for its turn; time in the queue is no time of the server. Call what it returns at the end. */
export async function enter(queue: Server, signal: AbortSignal): Promise<() => void> {
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

/** Waits as the server wants; a `BackendError` if the deadline comes first. */
export async function keepAway(
  origin: string,
  waitMs: number,
  deadlineMs: number,
  signal: AbortSignal,
  status: number,
): Promise<void> {
  if (performance.now() + waitMs >= deadlineMs) throw overloaded(origin, Math.ceil(waitMs / 1000), status);
  await sleep(waitMs, undefined, {signal});
}
