import {once} from 'node:events';
import {Worker} from 'node:worker_threads';
import {expect} from 'chai';
import {PinnedBlocks} from '../../../src/engines/fuse/pinned-blocks.ts';
import {maxRangeBytes, RangeLocks, rangeLockWords} from '../../../src/engines/fuse/range-locks.ts';
import {syncGateWords} from '../../../src/engines/fuse/sync-gate.ts';
import {Image, sharedWords} from './image.ts';
import type {PartialWriterData} from '../../children/partial-writer.ts';

describe('the locks on ranges of a segment', () => {
  it('keep threads that write parts of the same sectors at once from undoing each other', async () => {
    const image = new Image({sizeBytes: 16 * 4096});
    const threads = 3;
    const shared = {
      imageFd: image.fd,
      segment: image.segment,
      key: image.key,
      lockWords: sharedWords(rangeLockWords),
      syncWords: sharedWords(syncGateWords),
      pinned: PinnedBlocks.read(image.fd, image.segment).memory,
      gate: sharedWords(1),
      threads,
      pieceBytes: 700,
      rounds: 150,
    };
    const workers = Array.from({length: threads}, (_, thread) => {
      const workerData: PartialWriterData = {...shared, thread};
      return new Worker(new URL('../../children/partial-writer.ts', import.meta.url), {workerData});
    });
    const lost = await Promise.all(workers.map(async (worker) => (await once(worker, 'message'))[0] as number));
    expect(lost).to.deep.equal([0, 0, 0]);
    const end = Math.floor(image.segment.sizeBytes / 700) * 700;
    expect(image.read().subarray(0, end).equals(Buffer.alloc(end, shared.rounds))).to.equal(true);
    expect(shared.lockWords.every((word) => word === 0)).to.equal(true);
    image.remove();
  });

  it('let readers in together', () => {
    const locks = new RangeLocks(sharedWords(rangeLockWords));
    expect(locks.read(0, 4096, () => locks.read(4095, 9000, () => 'in'))).to.equal('in');
  });

  it('let a writer in beside another that is elsewhere', () => {
    const locks = new RangeLocks(sharedWords(rangeLockWords));
    expect(locks.write(0, 4096, () => locks.write(10_000_000, 10_000_001, () => 'in'))).to.equal('in');
  });

  it('are given back when what they protect fails', () => {
    const words = sharedWords(rangeLockWords);
    const locks = new RangeLocks(words);
    const fail = (): never => {
      expect(words.some((word) => word !== 0)).to.equal(true);
      throw new Error('no space');
    };
    expect(() => locks.write(0, 3_000_000, fail)).to.throw('no space');
    expect(() => locks.read(0, 3_000_000, fail)).to.throw('no space');
    expect(words.every((word) => word === 0)).to.equal(true);
  });

  it('take each word once when a range runs over the end of the table', () => {
    const words = sharedWords(rangeLockWords);
    const locks = new RangeLocks(words);
    const start = maxRangeBytes - 100_000;
    expect(locks.write(start, start + 1_000_000, () => 'in')).to.equal('in');
    expect(locks.write(0, maxRangeBytes, () => 'in')).to.equal('in');
    expect(() => locks.write(0, 2 * maxRangeBytes, () => 'in')).to.throw(RangeError);
    expect(words.every((word) => word === 0)).to.equal(true);
  });
});
