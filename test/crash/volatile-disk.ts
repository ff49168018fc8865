import {randomInt} from 'node:crypto';
import {closeSync, openSync, readSync, rmSync, writeSync} from 'node:fs';
import {createServer, type Server, type Socket} from 'node:net';
import {setTimeout as sleep} from 'node:timers/promises';

/** Numbers of the NBD protocol (github.com/NetworkBlockDevice/nbd, doc/proto.md). */
const magic = {
  optionReply: 0x3e889045565a9n,
  request: 0x25609513,
  simpleReply: 0x67446698,
};
const option = {abort: 2, go: 7} as const;
const reply = {acknowledge: 1, info: 3, unsupported: 2 ** 31 + 1} as const;
const command = {read: 0, write: 1, disconnect: 2, flush: 3} as const;
/** HAS_FLAGS, SEND_FLUSH and SEND_FUA. */
const transmissionFlags = 1 | 4 | 8;
const forceUnitAccess = 1;
const invalid = 22;

/** What a disk writes as one piece. */
const atomBytes = 4096;

type Write = {readonly offsetBytes: number; readonly data: Buffer};

/**
 * A disk with a write cache of its own: what was written is read back at once, and is only on the medium after a flush.
 * When its power is cut, each piece of what was in the cache has reached the medium or has not, in any order.
 *
 * It speaks NBD on a socket, for one client at a time.
 */
export class VolatileDisk {
  /** Its address in qemu's manner. */
  readonly address: string;
  readonly #fd: number;
  readonly #sizeBytes: number;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #cache: Write[] = [];
  /** How much was in the cache at the cuts. */
  lostBytes = 0;

  constructor(path: string, sizeBytes: number, socketPath: string) {
    this.#fd = openSync(path, 'r+');
    this.#sizeBytes = sizeBytes;
    this.address = `nbd:unix:${socketPath}`;
    this.#server = createServer((socket) => {
      this.#sockets.add(socket);
      socket.on('error', () => {}).on('close', () => this.#sockets.delete(socket));
      this.#serve(new Reader(socket), socket).catch(() => socket.destroy());
    });
    rmSync(socketPath, {force: true});
    this.#server.listen(socketPath);
  }

  /** The power goes. Every client is gone before. */
  async cutPower(): Promise<void> {
    while (this.#sockets.size > 0) await sleep(5);
    for (const {offsetBytes, data} of this.#cache) {
      for (let at = 0; at < data.length; at += atomBytes - ((offsetBytes + at) % atomBytes)) {
        const atom = data.subarray(at, at + atomBytes - ((offsetBytes + at) % atomBytes));
        if (randomInt(2) === 0) writeSync(this.#fd, atom, 0, atom.length, offsetBytes + at);
        else this.lostBytes += atom.length;
      }
    }
    this.#cache = [];
  }

  close(): void {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    closeSync(this.#fd);
  }

  async #serve(reader: Reader, socket: Socket): Promise<void> {
    const greeting = Buffer.alloc(18);
    greeting.write('NBDMAGICIHAVEOPT', 'ascii');
    greeting.writeUInt16BE(3, 16);
    socket.write(greeting);
    await reader.take(4);
    while (!(await this.#negotiate(reader, socket)));
    for (;;) {
      const header = await reader.take(28);
      if (header.readUInt32BE(0) !== magic.request) throw new Error('not a request');
      const [flags, kind, lengthBytes] = [header.readUInt16BE(4), header.readUInt16BE(6), header.readUInt32BE(24)];
      const offsetBytes = Number(header.readBigUInt64BE(16));
      const data = kind === command.write ? Buffer.from(await reader.take(lengthBytes)) : undefined;
      if (kind === command.disconnect) return void socket.end();
      const answer = Buffer.alloc(16);
      answer.writeUInt32BE(magic.simpleReply, 0);
      header.copy(answer, 8, 8, 16);
      let payload: Buffer = Buffer.alloc(0);
      if (kind === command.read) payload = this.#read(offsetBytes, lengthBytes);
      else if (data !== undefined) this.#write({offsetBytes, data}, (flags & forceUnitAccess) !== 0);
      else if (kind === command.flush) this.#flush();
      else answer.writeUInt32BE(invalid, 4);
      socket.write(Buffer.concat([answer, payload]));
    }
  }

  /** Answers one option; true when the transmission begins. */
  async #negotiate(reader: Reader, socket: Socket): Promise<boolean> {
    const header = await reader.take(16);
    const chosen = header.readUInt32BE(8);
    await reader.take(header.readUInt32BE(12));
    const answer = (type: number, data: Buffer = Buffer.alloc(0)): void => {
      const head = Buffer.alloc(20);
      head.writeBigUInt64BE(magic.optionReply, 0);
      head.writeUInt32BE(chosen, 8);
      head.writeUInt32BE(type, 12);
      head.writeUInt32BE(data.length, 16);
      socket.write(Buffer.concat([head, data]));
    };
    if (chosen === option.abort) throw new Error('the client has changed its mind');
    if (chosen !== option.go) {
      answer(reply.unsupported);
      return false;
    }
    const info = Buffer.alloc(12);
    info.writeBigUInt64BE(BigInt(this.#sizeBytes), 2);
    info.writeUInt16BE(transmissionFlags, 10);
    answer(reply.info, info);
    answer(reply.acknowledge);
    return true;
  }

  #read(offsetBytes: number, lengthBytes: number): Buffer {
    const data = Buffer.alloc(lengthBytes);
    readSync(this.#fd, data, 0, lengthBytes, offsetBytes);
    for (const write of this.#cache) {
      const from = Math.max(offsetBytes, write.offsetBytes);
      const to = Math.min(offsetBytes + lengthBytes, write.offsetBytes + write.data.length);
      if (from < to) write.data.copy(data, from - offsetBytes, from - write.offsetBytes, to - write.offsetBytes);
    }
    return data;
  }

  #write(write: Write, through: boolean): void {
    this.#cache.push(write);
    if (through) this.#flush();
  }

  #flush(): void {
    for (const {offsetBytes, data} of this.#cache) writeSync(this.#fd, data, 0, data.length, offsetBytes);
    this.#cache = [];
  }
}

/** Takes as many bytes from a socket as are asked for. */
class Reader {
  #received: Buffer = Buffer.alloc(0);
  #wake: () => void = () => {};
  #ended = false;

  constructor(socket: Socket) {
    socket.on('data', (chunk) => {
      this.#received = Buffer.concat([this.#received, chunk]);
      this.#wake();
    });
    socket.on('close', () => {
      this.#ended = true;
      this.#wake();
    });
  }

  async take(lengthBytes: number): Promise<Buffer> {
    while (this.#received.length < lengthBytes) {
      if (this.#ended) throw new Error('the client has gone');
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
    const taken = this.#received.subarray(0, lengthBytes);
    this.#received = this.#received.subarray(lengthBytes);
    return taken;
  }
}
