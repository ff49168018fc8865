import {randomBytes} from 'node:crypto';
import {truncateSync} from 'node:fs';
import {constants} from 'node:os';
import {expect} from 'chai';
import fc from 'fast-check';
import {BlockFile} from '../../../src/engines/fuse/block-file.ts';
import {Image} from './image.ts';
import {opcodes, request, uint32, uint64} from './request.ts';

const attributes = {mode: 0o100600, owner: {uid: 7, gid: 8}, blockSizeBytes: 4096};

describe('the answers to the kernel', () => {
  let image: Image;
  let file: BlockFile;
  let lost: number;

  beforeEach(() => {
    image = new Image();
    lost = 0;
    file = new BlockFile(image.open(), attributes, () => lost++);
  });

  afterEach(() => image.remove());

  /** What stands in a reply: the errno (0 for success), and the body. */
  function answer(bytes: Buffer): {error: number; unique: bigint; body: Buffer} {
    const reply = file.answer(bytes)!;
    expect(reply.readUInt32LE(0)).to.equal(reply.length);
    return {
      error: Math.abs(reply.readInt32LE(4)),
      unique: reply.readBigUInt64LE(8),
      body: Buffer.from(reply.subarray(16)),
    };
  }

  const readAt = (offset: number, size: number): Buffer =>
    request(opcodes.read, [uint64(0), uint64(offset), uint32(size), uint32(0), uint64(0), uint32(0), uint32(0)]);
  const writeAt = (offset: number, data: Buffer): Buffer =>
    request(opcodes.write, [uint64(0), uint64(offset), uint32(data.length), Buffer.alloc(20), data]);
  const setattr = (valid: number, size: number): Buffer =>
    request(opcodes.setattr, [uint32(valid), uint32(0), uint64(0), uint64(size), Buffer.alloc(64)]);

  it('are well-formed, or an error, for any bytes', () => {
    const anyRequest = fc.oneof(
      fc.uint8Array({maxLength: 300}).map((bytes) => Buffer.from(bytes)),
      fc
        .record({
          opcode: fc.oneof(fc.constantFrom(...Object.values(opcodes)), fc.nat(60), fc.nat(2 ** 31)),
          node: fc.constantFrom(0n, 1n, 2n ** 64n - 1n),
          argument: fc.oneof(fc.uint8Array({maxLength: 200}), fc.uint8Array({minLength: 40, maxLength: 4136})),
          lengthError: fc.oneof(
            {weight: 5, arbitrary: fc.constant(0)},
            {weight: 1, arbitrary: fc.integer({min: -50, max: 50})},
          ),
        })
        .map(({opcode, node, argument, lengthError}) => {
          const bytes = request(opcode, [Buffer.from(argument)], node);
          bytes.writeUInt32LE(Math.max(0, bytes.length + lengthError), 0);
          return bytes;
        }),
    );
    fc.assert(
      fc.property(anyRequest, (bytes) => {
        const reply = file.answer(bytes);
        if (reply === undefined) return;
        expect(reply.length).to.be.at.least(16);
        expect(reply.readUInt32LE(0)).to.equal(reply.length);
        expect(reply.readInt32LE(4)).to.be.within(-4095, 0);
        expect(reply.readBigUInt64LE(8)).to.equal(bytes.readBigUInt64LE(8));
        if (reply.readInt32LE(4) !== 0) expect(reply).to.have.length(16);
      }),
      {numRuns: 3000},
    );
  });

  it('refuse every write to a file that is read-only, ask nothing of the image but to be read, and call it no loss', () => {
    const segment = image.open();
    const before = Buffer.from(segment.read(0, 4096).data);
    segment.flush = () => {
      throw new Error('a file system without fdatasync');
    };
    file = new BlockFile(segment, {...attributes, mode: 0o100400}, () => lost++);
    expect(answer(writeAt(0, Buffer.alloc(4096))).error).to.equal(constants.errno.EROFS);
    for (const opcode of [opcodes.fsync, opcodes.flush]) {
      expect(answer(request(opcode, [Buffer.alloc(24)])).error).to.equal(0);
    }
    expect(answer(readAt(0, 4096)).body.equals(before)).to.equal(true);
    expect(lost).to.equal(0);
  });

  it('negotiate the protocol, transfers of one MiB, and only flags that the kernel offered', () => {
    const init = (major: number, minor: number, flags: number): Buffer =>
      request(opcodes.init, [uint32(major), uint32(minor), uint32(131_072), uint32(flags)]);
    const {error, body} = answer(init(7, 40, 0xffff_ffff));
    expect(error).to.equal(0);
    expect(body).to.have.length(64);
    expect([body.readUInt32LE(0), body.readUInt32LE(4), body.readUInt32LE(8)]).to.deep.equal([7, 31, 131_072]);
    expect(body.readUInt32LE(12)).to.equal((1 << 0) | (1 << 5) | (1 << 15) | (1 << 22));
    expect([body.readUInt32LE(20), body.readUInt16LE(28)]).to.deep.equal([1024 * 1024, 256]);
    expect(answer(init(7, 27, 1)).body.readUInt32LE(4)).to.equal(27);
    expect(answer(init(7, 27, 1)).body.readUInt32LE(12)).to.equal(1);
    expect(answer(init(8, 0, 0)).body.readUInt32LE(0)).to.equal(7);
    expect(answer(init(7, 8, 0)).error).to.equal(constants.errno.EPROTO);
  });

  it('show one regular file of fixed size that belongs to the owner alone', () => {
    const {error, unique, body} = answer(request(opcodes.getattr, [Buffer.alloc(16)]));
    expect(error).to.equal(0);
    expect(unique).to.equal(42n);
    const attr = body.subarray(16);
    expect(attr.readBigUInt64LE(8)).to.equal(BigInt(image.segment.sizeBytes));
    expect([attr.readUInt32LE(60), attr.readUInt32LE(68), attr.readUInt32LE(72)]).to.deep.equal([0o100600, 7, 8]);
    expect(answer(request(opcodes.lookup, [Buffer.from('x\0')])).error).to.equal(constants.errno.ENOENT);
    expect(answer(request(opcodes.statfs, [])).body).to.have.length(80);
  });

  it('give what was written', () => {
    const data = randomBytes(5000);
    expect(answer(writeAt(3000, data)).body.readUInt32LE(0)).to.equal(5000);
    expect(answer(readAt(3000, 5000)).body.equals(data)).to.equal(true);
    expect(image.read().subarray(3000, 8000).equals(data)).to.equal(true);
  });

  it('read nothing behind the end, and have no space there', () => {
    const {sizeBytes} = image.segment;
    expect(answer(readAt(sizeBytes, 4096))).to.deep.include({error: 0, body: Buffer.alloc(0)});
    expect(answer(readAt(sizeBytes - 1, 4096)).body).to.have.length(1);
    expect(answer(readAt(Number.MAX_SAFE_INTEGER, 4096)).body).to.have.length(0);
    expect(answer(writeAt(sizeBytes - 1, Buffer.alloc(2))).error).to.equal(constants.errno.ENOSPC);
    expect(answer(writeAt(sizeBytes, Buffer.alloc(1))).error).to.equal(constants.errno.ENOSPC);
    expect(lost).to.equal(0);
  });

  it('refuse to change size, owner or permissions, and do not mind about times', () => {
    const {sizeBytes} = image.segment;
    const size = 1 << 3;
    expect(answer(setattr(size, 0)).error).to.equal(constants.errno.EPERM);
    expect(answer(setattr(size, sizeBytes + 1)).error).to.equal(constants.errno.EPERM);
    expect(answer(setattr(size, sizeBytes)).error).to.equal(0);
    for (const bit of [0, 1, 2]) expect(answer(setattr(1 << bit, 0)).error).to.equal(constants.errno.EPERM);
    for (const bit of [4, 5, 7, 8]) expect(answer(setattr(1 << bit, 0)).error).to.equal(0);
  });

  it('promise no hole and no discard, so that the image keeps its space and zeroes are really written', () => {
    const punchHole = request(opcodes.fallocate, [uint64(0), uint64(0), uint64(4096), uint32(3), uint32(0)]);
    expect(answer(punchHole).error).to.equal(constants.errno.ENOSYS);
  });

  it('say that a request is malformed, not what happens to be in it', () => {
    const short = request(opcodes.read, [uint64(0), uint64(0)]);
    const lying = writeAt(0, Buffer.alloc(10));
    lying.writeUInt32LE(4096, 40 + 16);
    const huge = readAt(0, 1024 * 1024 + 1);
    const elsewhere = request(opcodes.getattr, [Buffer.alloc(16)], 2n);
    for (const bytes of [short, lying, huge, elsewhere]) expect(answer(bytes).error).to.equal(constants.errno.EINVAL);
  });

  it('answer what nobody waits for with nothing', () => {
    expect(file.answer(request(opcodes.forget, [uint64(1)]))).to.equal(undefined);
    expect(file.answer(request(opcodes.batchForget, [uint32(0), uint32(0)]))).to.equal(undefined);
    expect(file.answer(Buffer.alloc(39))).to.equal(undefined);
  });

  it('tell an I/O error when the image was cut, and remember when that cost something written', () => {
    truncateSync(image.path, image.segment.offsetBytes + 4096);
    expect(answer(readAt(8192, 4096)).error).to.equal(constants.errno.EIO);
    expect(lost).to.equal(0);
    expect(answer(writeAt(8192, Buffer.alloc(100))).error).to.equal(constants.errno.EIO);
    expect(lost).to.equal(1);
  });
});
