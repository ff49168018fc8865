import {constants} from 'node:os';
import {maxTransferBytes} from './sizes.ts';

/**
 * The part of the FUSE protocol that a file system of one regular file needs: requests of the kernel as data, replies
 * as bytes. Numbers and layouts are those of the kernel's `include/uapi/linux/fuse.h`, protocol 7.31 (Linux 5.4);
 * everything is little-endian here, as the machine is on all platforms that Node has for Linux but s390x and ppc64.
 */
const protocolMajor = 7;
const protocolMinor = 31;

/** Older kernels (before 3.15) know a shorter INIT. */
const oldestMinor = 23;

const pageBytes = 4096;

const requestHeaderBytes = 40;
const writeArgumentBytes = 40;
export const replyHeaderBytes = 16;

/** A buffer that takes every request. */
export const requestBufferBytes = requestHeaderBytes + writeArgumentBytes + maxTransferBytes;

/** The node number of the only file. */
const rootNode = 1;

/** How long the kernel may believe the attributes. They never change. */
const attributesValidSeconds = 24 * 60 * 60;

const opcode = {
  lookup: 1,
  forget: 2,
  getattr: 3,
  setattr: 4,
  open: 14,
  read: 15,
  write: 16,
  statfs: 17,
  release: 18,
  fsync: 20,
  flush: 25,
  init: 26,
  access: 34,
  destroy: 38,
  batchForget: 42,
} as const;

/** Flags of INIT that this server asks for, where the kernel has them. */
const initFlags = {
  asyncRead: 1 << 0,
  bigWrites: 1 << 5,
  asyncDirectIo: 1 << 15,
  maxPages: 1 << 22,
} as const;

/** Bits of SETATTR that would change something. What is left are times and hints. */
const setattrBits = {mode: 1 << 0, uid: 1 << 1, gid: 1 << 2, size: 1 << 3} as const;

/** What the kernel asks, checked as far as one can without knowing the file. `unique` names the request in its reply. */
export type Request = {readonly unique: bigint} & (
  | {
      readonly kind: 'init';
      readonly major: number;
      readonly minor: number;
      readonly maxReadahead: number;
      flags: number;
    }
  | {readonly kind: 'getattr' | 'lookup' | 'open' | 'statfs' | 'release' | 'access' | 'destroy'}
  | {readonly kind: 'setattr'; readonly sizeBytes: number | undefined; readonly changesOwnerOrMode: boolean}
  | {readonly kind: 'read'; readonly offsetBytes: number; readonly lengthBytes: number}
  /** `data` is a view of the request's own bytes. */
  | {readonly kind: 'write'; readonly offsetBytes: number; readonly data: Buffer}
  | {readonly kind: 'fsync' | 'flush'}
  /** Nothing is to be answered. */
  | {readonly kind: 'forget'}
  /** The kernel is told not to ask it again. */
  | {readonly kind: 'unsupported'}
  /** Not what the protocol says. */
  | {readonly kind: 'malformed'}
);

/** Parses one request. Returns undefined where not even its header is there, so that nobody can be answered. */
export function parseRequest(bytes: Buffer): Request | undefined {
  if (bytes.length < requestHeaderBytes) return undefined;
  const unique = bytes.readBigUInt64LE(8);
  if (bytes.readUInt32LE(0) !== bytes.length) return {unique, kind: 'malformed'};
  const operation = bytes.readUInt32LE(4);
  // INIT, DESTROY and STATFS name no node, or the root.
  const node = bytes.readBigUInt64LE(16);
  const argument = bytes.subarray(requestHeaderBytes);
  const shorterThan = (lengthBytes: number): boolean => argument.length < lengthBytes;
  const malformed = {unique, kind: 'malformed'} as const;

  switch (operation) {
    case opcode.init:
      if (shorterThan(16)) return malformed;
      return {
        unique,
        kind: 'init',
        major: argument.readUInt32LE(0),
        minor: argument.readUInt32LE(4),
        maxReadahead: argument.readUInt32LE(8),
        flags: argument.readUInt32LE(12),
      };
    case opcode.forget:
    case opcode.batchForget:
      return {unique, kind: 'forget'};
    case opcode.destroy:
      return {unique, kind: 'destroy'};
    case opcode.statfs:
      return {unique, kind: 'statfs'};
    default:
      if (node !== BigInt(rootNode)) return malformed;
  }

  switch (operation) {
    case opcode.lookup:
      return {unique, kind: 'lookup'};
    case opcode.getattr:
      return {unique, kind: 'getattr'};
    case opcode.access:
      return {unique, kind: 'access'};
    case opcode.open:
      return {unique, kind: 'open'};
    case opcode.release:
      return {unique, kind: 'release'};
    case opcode.fsync:
      return {unique, kind: 'fsync'};
    case opcode.flush:
      return {unique, kind: 'flush'};
    case opcode.setattr: {
      if (shorterThan(88)) return malformed;
      const valid = argument.readUInt32LE(0);
      const sizeBytes = (valid & setattrBits.size) === 0 ? undefined : readSafe64(argument, 16);
      const changesOwnerOrMode = (valid & (setattrBits.mode | setattrBits.uid | setattrBits.gid)) !== 0;
      return {unique, kind: 'setattr', sizeBytes, changesOwnerOrMode};
    }
    case opcode.read: {
      if (shorterThan(20)) return malformed;
      const offsetBytes = readSafe64(argument, 8);
      const lengthBytes = argument.readUInt32LE(16);
      if (lengthBytes > maxTransferBytes) return malformed;
      return {unique, kind: 'read', offsetBytes, lengthBytes};
    }
    case opcode.write: {
      if (shorterThan(writeArgumentBytes)) return malformed;
      const offsetBytes = readSafe64(argument, 8);
      const data = argument.subarray(writeArgumentBytes);
      if (data.length !== argument.readUInt32LE(16) || data.length > maxTransferBytes) return malformed;
      return {unique, kind: 'write', offsetBytes, data};
    }
    default:
      return {unique, kind: 'unsupported'};
  }
}

/** What the file looks like from outside. */
export type FileAttributes = {
  readonly sizeBytes: number;
  /** Type and permissions, as in `st_mode`. */
  readonly mode: number;
  readonly owner: {readonly uid: number; readonly gid: number};
  /** What I/O is best done in. */
  readonly blockSizeBytes: number;
};

/** Writes the reply to one request after the other into a buffer of its own. A reply is valid until the next one. */
export class ReplyWriter {
  readonly #bytes = Buffer.alloc(256);

  /** `code` is the name of an errno. */
  error(unique: bigint, code: keyof typeof constants.errno): Buffer {
    this.#bytes.writeUInt32LE(replyHeaderBytes, 0);
    this.#bytes.writeInt32LE(-constants.errno[code], 4);
    this.#bytes.writeBigUInt64LE(unique, 8);
    return this.#bytes.subarray(0, replyHeaderBytes);
  }

  /** Success with nothing to tell. */
  done(unique: bigint): Buffer {
    return this.#reply(unique, 0);
  }

  /** Kernels with another major number ask again with ours; too old ones are refused. */
  init(unique: bigint, kernel: Request & {kind: 'init'}): Buffer {
    if (kernel.major < protocolMajor || (kernel.major === protocolMajor && kernel.minor < oldestMinor)) {
      return this.error(unique, 'EPROTO');
    }
    const body = this.#body(64);
    body.writeUInt32LE(protocolMajor, 0);
    if (kernel.major > protocolMajor) return this.#reply(unique, 64);
    const flags = initFlags.asyncRead | initFlags.bigWrites | initFlags.asyncDirectIo | initFlags.maxPages;
    body.writeUInt32LE(Math.min(kernel.minor, protocolMinor), 4);
    body.writeUInt32LE(Math.min(kernel.maxReadahead, maxTransferBytes), 8);
    body.writeUInt32LE((kernel.flags & flags) >>> 0, 12);
    body.writeUInt16LE(maxBackground, 16);
    body.writeUInt16LE(congestionThreshold, 18);
    body.writeUInt32LE(maxTransferBytes, 20);
    body.writeUInt32LE(1, 24); // times in nanoseconds
    body.writeUInt16LE(maxTransferBytes / pageBytes, 28);
    return this.#reply(unique, 64);
  }

  attributes(unique: bigint, attributes: FileAttributes): Buffer {
    const body = this.#body(104);
    body.writeBigUInt64LE(BigInt(attributesValidSeconds), 0);
    const attr = body.subarray(16);
    attr.writeBigUInt64LE(BigInt(rootNode), 0);
    attr.writeBigUInt64LE(BigInt(attributes.sizeBytes), 8);
    attr.writeBigUInt64LE(BigInt(Math.ceil(attributes.sizeBytes / 512)), 16);
    attr.writeUInt32LE(attributes.mode, 60);
    attr.writeUInt32LE(1, 64); // links
    attr.writeUInt32LE(attributes.owner.uid, 68);
    attr.writeUInt32LE(attributes.owner.gid, 72);
    attr.writeUInt32LE(attributes.blockSizeBytes, 80);
    return this.#reply(unique, 104);
  }

  /** No file handle, no flags: each open starts with an empty page cache, and what is cached may be used. */
  opened(unique: bigint): Buffer {
    this.#body(16);
    return this.#reply(unique, 16);
  }

  written(unique: bigint, lengthBytes: number): Buffer {
    this.#body(8).writeUInt32LE(lengthBytes, 0);
    return this.#reply(unique, 8);
  }

  /** A file system that is full with its one file. */
  statfs(unique: bigint, attributes: FileAttributes): Buffer {
    const body = this.#body(80);
    body.writeBigUInt64LE(BigInt(Math.ceil(attributes.sizeBytes / attributes.blockSizeBytes)), 0);
    body.writeBigUInt64LE(1n, 24); // files
    body.writeUInt32LE(attributes.blockSizeBytes, 40);
    body.writeUInt32LE(255, 44); // longest name
    body.writeUInt32LE(attributes.blockSizeBytes, 48);
    return this.#reply(unique, 80);
  }

  #body(lengthBytes: number): Buffer {
    return this.#bytes.fill(0, 0, replyHeaderBytes + lengthBytes).subarray(replyHeaderBytes);
  }

  #reply(unique: bigint, bodyBytes: number): Buffer {
    writeDataHeader(this.#bytes, unique, bodyBytes);
    return this.#bytes.subarray(0, replyHeaderBytes + bodyBytes);
  }
}

/** Writes the header of a successful reply of `bodyBytes` into the first 16 bytes of `header`. */
export function writeDataHeader(header: Buffer, unique: bigint, bodyBytes: number): void {
  header.writeUInt32LE(replyHeaderBytes + bodyBytes, 0);
  header.writeInt32LE(0, 4);
  header.writeBigUInt64LE(unique, 8);
}

/** How many asynchronous requests the kernel keeps under way, and from when it calls the device congested. */
const maxBackground = 64;
const congestionThreshold = 48;

/** A 64-bit number, or Infinity where a JavaScript number cannot hold it: beyond the end of every file. */
function readSafe64(bytes: Buffer, at: number): number {
  const number = bytes.readBigUInt64LE(at);
  return number <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(number) : Infinity;
}
