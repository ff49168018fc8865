import {readFileSync} from 'node:fs';
import {setTimeout as sleep} from 'node:timers/promises';

/** A TCP socket that listens. */
export type Listener = {readonly port: number; readonly uid: number; readonly inode: string};

/** The port that Node takes for its debugger when nobody says another. */
const usualPort = 9229;

/** Every TCP socket of the machine that listens. */
function listeners(): Listener[] {
  return ['/proc/net/tcp', '/proc/net/tcp6'].flatMap((table) =>
    readFileSync(table, 'latin1')
      .split('\n')
      .slice(1)
      .flatMap((line) => {
        // proc_net_tcp: sl local_address rem_address st tx_queue:rx_queue tr:tm->when retrnsmt uid timeout inode
        const [, local, , state, , , , uid, , inode] = line.trim().split(/\s+/);
        if (local === undefined || inode === undefined || state !== listening) return [];
        return [{port: parseInt(local.split(':')[1]!, 16), uid: Number(uid), inode}];
      }),
  );
}

/** TCP_LISTEN of net/tcp_states.h. */
const listening = '0A';

/** Looks, until it is stopped, for what listens and is the user's, or is root's and looks like a debugger. */
export function watchForDebuggers(uid: number): {readonly seen: Listener[]; stop(): Promise<Listener[]>} {
  const before = new Set(listeners().map(({inode}) => inode));
  const seen = new Map<string, Listener>();
  const found: Listener[] = [];
  const stopped = new AbortController();
  const watching = (async () => {
    while (!stopped.signal.aborted) {
      for (const listener of listeners()) {
        if (before.has(listener.inode) || seen.has(listener.inode)) continue;
        if (listener.uid !== uid && !(listener.uid === 0 && listener.port === usualPort)) continue;
        seen.set(listener.inode, listener);
        found.push(listener);
      }
      await sleep(3);
    }
  })();
  return {
    seen: found,
    stop: async () => {
      stopped.abort();
      await watching;
      return found;
    },
  };
}

/** Evaluates JavaScript in the process whose debugger listens on a port of the loopback address. */
export async function evaluate(port: number, expression: string): Promise<unknown> {
  const response = await fetch(`http://127.0.0.1:${port}/json/list`);
  const [target] = (await response.json()) as {webSocketDebuggerUrl: string}[];
  const socket = new WebSocket(target!.webSocketDebuggerUrl);
  try {
    return await new Promise((resolve, reject) => {
      socket.addEventListener('error', () => reject(new Error('the debugger does not answer')));
      socket.addEventListener('open', () => {
        socket.send(JSON.stringify({id: 1, method: 'Runtime.evaluate', params: {expression, returnByValue: true}}));
      });
      socket.addEventListener('message', ({data}) => {
        const {result} = JSON.parse(String(data)) as {result?: {result: {value: unknown}}};
        if (result !== undefined) resolve(result.result.value);
      });
    });
  } finally {
    socket.close();
  }
}
