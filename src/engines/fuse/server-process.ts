import {once} from 'node:events';
import {BlockServer, serveSegment} from './block-server.ts';
import type {ServerAnswer, ServerOrder} from './server.ts';
import {Failure} from '../../lifecycle/failure.ts';

/**
 * The process that serves a block file: its own, in a mount namespace of its own (`server.ts` says why). It gets its
 * order and the volume key through standard input, the image as descriptor 3, and stops when standard input ends.
 */
const imageFd = 3;

async function main(): Promise<void> {
  const {order, volumeKey} = await readOrder();
  let server: BlockServer;
  try {
    server = await serveSegment({...order, segment: {...order.segment, ivTweak: BigInt(order.segment.ivTweak)}, imageFd, volumeKey, mountNamespaceOf: process.ppid});
  } catch (error) {
    answer(error instanceof Failure ? {failure: error.toJSON()} : {bug: String(error)});
    return;
  } finally {
    volumeKey.fill(0);
  }
  answer({ready: {sizeBytes: server.sizeBytes}});
  process.stdin.resume();
  const asked = once(process.stdin, 'end').then(() => server.stop({graceMs: order.stopGraceMs}));
  const {how, error} = await Promise.race([server.ended, asked.then(() => server.ended)]);
  answer({ended: {how, ...(error === undefined ? {} : {why: error.message})}});
}

/** A line of JSON, and the bytes of the key behind it. */
async function readOrder(): Promise<{order: ServerOrder; volumeKey: Buffer}> {
  let received = Buffer.alloc(0);
  for (;;) {
    const [chunk] = (await once(process.stdin, 'data')) as [Buffer];
    const joined = Buffer.concat([received, chunk]);
    received.fill(0);
    chunk.fill(0);
    received = joined;
    const newline = received.indexOf(0x0a);
    if (newline === -1) continue;
    const order = JSON.parse(received.toString('utf8', 0, newline)) as ServerOrder;
    if (received.length < newline + 1 + order.keyBytes) continue;
    process.stdin.pause();
    const volumeKey = Buffer.from(received.subarray(newline + 1, newline + 1 + order.keyBytes));
    received.fill(0);
    return {order, volumeKey};
  }
}

function answer(message: ServerAnswer): void {
  process.stdout.write(`${JSON.stringify(message)}\n`);
}

await main();
