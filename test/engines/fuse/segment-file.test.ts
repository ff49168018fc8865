import {randomBytes} from 'node:crypto';
import {closeSync, openSync, truncateSync} from 'node:fs';
import {expect} from 'chai';
import fc from 'fast-check';
import {EarlierSyncFailure, syncGateWords} from '../../../src/engines/fuse/sync-gate.ts';
import {Image, sharedWords} from './image.ts';

describe('the plaintext of a segment as a file', () => {
  let image: Image;

  afterEach(() => image.remove());

  for (const sectorSizeBytes of [512, 1024, 2048, 4096]) {
    it(`is read and written like a plain file at every offset, in sectors of ${sectorSizeBytes} bytes`, () => {
      image = new Image({sectorSizeBytes, ivTweak: 77n, offsetBytes: 512 * 9});
      const model = image.read();
      const file = image.open();
      const access = fc.record({
        write: fc.boolean(),
        offset: fc.nat(image.segment.sizeBytes - 1),
        length: fc.oneof(fc.nat(600), fc.nat(20_000)),
      });
      fc.assert(
        fc.property(access, ({write, offset, length}) => {
          const end = Math.min(offset + length, model.length);
          if (write) {
            const data = randomBytes(end - offset);
            data.copy(model, offset);
            file.write(offset, data);
          }
          expect(file.read(offset, length).data.equals(model.subarray(offset, end))).to.equal(true);
        }),
        {numRuns: 400},
      );
      expect(image.read().equals(model)).to.equal(true);
    });
  }

  it('leaves what is around the segment alone', () => {
    image = new Image();
    const file = image.open();
    file.write(0, randomBytes(image.segment.sizeBytes));
    file.write(1, randomBytes(4096));
    file.write(image.segment.sizeBytes - 1, randomBytes(1));
    expect(image.surroundingsAreWhole).to.equal(true);
  });

  for (const sectorSizeBytes of [512, 4096]) {
    it(`begins with what it has read and written, even if the image changes meanwhile, in sectors of ${sectorSizeBytes} bytes`, () => {
      image = new Image({sectorSizeBytes});
      const file = image.open();
      const model = image.read();
      const forged = randomBytes(8192);
      image.overwrite(forged);
      // What is not pinned is the image's.
      forged.copy(model, 4096, 4096);
      expect(file.read(0, 8192).data.equals(model.subarray(0, 8192))).to.equal(true);
      expect(file.read(1000, 5000).data.equals(model.subarray(1000, 6000))).to.equal(true);
      expect(file.read(4096, 512).data.equals(model.subarray(4096, 4608))).to.equal(true);
      // What is written goes through, with the sectors around it.
      const data = randomBytes(1024);
      data.copy(model, 1024);
      file.write(1024, data);
      image.overwrite(forged.subarray(0, 1024));
      expect(file.read(0, 4096).data.equals(model.subarray(0, 4096))).to.equal(true);
      expect(image.read().subarray(1024, 2048).equals(data)).to.equal(true);
    });
  }

  it('takes no transfer that is longer than its buffers', () => {
    image = new Image({sizeBytes: 2 * 1024 * 1024});
    const file = image.open();
    const tooLongBytes = 1024 * 1024 + 1;
    expect(() => file.read(0, tooLongBytes)).to.throw(RangeError);
    expect(() => file.write(0, Buffer.alloc(tooLongBytes))).to.throw(RangeError);
  });

  it('leaves room for a header right before what was read', () => {
    image = new Image();
    const {data, withHeadroom} = image.open().read(5000, 100);
    withHeadroom.fill(0, 0, 16);
    expect(withHeadroom.subarray(16).equals(image.read().subarray(5000, 5100))).to.equal(true);
    expect(data.equals(image.read().subarray(5000, 5100))).to.equal(true);
  });

  it('ends where the segment ends', () => {
    image = new Image();
    const file = image.open();
    expect(file.read(image.segment.sizeBytes - 10, 100).data).to.have.length(10);
    expect(file.read(image.segment.sizeBytes, 100).data).to.have.length(0);
    expect(file.read(image.segment.sizeBytes + 5000, 100).data).to.have.length(0);
  });

  it('is an I/O error where the image was cut, not zeroes', () => {
    image = new Image();
    truncateSync(image.path, image.segment.offsetBytes + 10 * 4096 + 100);
    const file = image.open();
    expect(file.read(9 * 4096, 4096).data).to.have.length(4096);
    expect(() => file.read(10 * 4096, 100))
      .to.throw('the image ends')
      .with.property('code', 'EIO');
    expect(() => file.read(9 * 4096, 8192)).to.throw('the image ends');
    expect(() => file.write(10 * 4096 + 1, Buffer.alloc(10))).to.throw('the image ends');
  });

  it('passes on what the system says when the image cannot be written', () => {
    image = new Image();
    const readOnlyFd = openSync(image.path, 'r');
    const file = image.open({imageFd: readOnlyFd});
    expect(() => file.write(0, Buffer.alloc(4096)))
      .to.throw()
      .with.property('code', 'EBADF');
    closeSync(readOnlyFd);
  });

  it('never says again that everything is on the storage once a flush has failed', () => {
    image = new Image();
    const syncWords = sharedWords(syncGateWords);
    const fd = openSync(image.path, 'r+');
    const [one, other] = [image.open({imageFd: fd, syncWords}), image.open({syncWords})];
    one.flush();
    other.flush();
    closeSync(fd);
    expect(() => one.flush())
      .to.throw()
      .with.property('code', 'EBADF');
    expect(() => other.flush())
      .to.throw(EarlierSyncFailure)
      .with.property('code', 'EIO');
    expect(() => other.flush()).to.throw(EarlierSyncFailure);
  });
});
