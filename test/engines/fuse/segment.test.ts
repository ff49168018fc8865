import {closeSync, mkdtempSync, openSync, rmSync, truncateSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {expect} from 'chai';
import type {CryptSegment} from '../../../src/engines/engine.ts';
import {measureSegment, refuseSegment} from '../../../src/engines/fuse/segment.ts';

describe('a segment that the fuse engine is to serve', () => {
  const segment: CryptSegment = {
    offsetBytes: 16 * 1024 * 1024,
    sizeBytes: 'dynamic',
    sectorSizeBytes: 4096,
    ivTweak: 0n,
    encryption: 'aes-xts-plain64',
  };

  it('is served in every size of sector that LUKS2 knows', () => {
    for (const sectorSizeBytes of [512, 1024, 2048, 4096]) {
      expect(refuseSegment({...segment, sectorSizeBytes})).to.equal(undefined);
      expect(refuseSegment({...segment, sectorSizeBytes, sizeBytes: 8192})).to.equal(undefined);
    }
  });

  it('is refused with another cipher, and the engine that knows it is named', () => {
    for (const encryption of ['serpent-xts-plain64', 'aes-cbc-essiv:sha256', 'aes-xts-plain', 'cipher_null-ecb']) {
      expect(refuseSegment({...segment, encryption})).to.deep.include({next: 'tazpod vault unlock --engine dm-crypt'});
    }
  });

  it('is refused when it has no whole number of sectors', () => {
    const refusals = [
      {sectorSizeBytes: 8192},
      {sectorSizeBytes: 0},
      {sizeBytes: 4096 + 512},
      {sizeBytes: -4096},
      {offsetBytes: 100},
      {offsetBytes: -512},
      {offsetBytes: 2 ** 60},
      {sizeBytes: NaN},
    ];
    for (const refusal of refusals) expect(refuseSegment({...segment, ...refusal})).to.not.equal(undefined);
  });

  it('goes up to the end of the image, in whole sectors, where its header leaves that open', () => {
    const folder = mkdtempSync(join(tmpdir(), 'tazpod-segment-'));
    const path = join(folder, 'image');
    writeFileSync(path, '');
    const fd = openSync(path, 'r');
    const measured = (imageBytes: number, sizeBytes: number | 'dynamic'): number => {
      truncateSync(path, imageBytes);
      return measureSegment({...segment, sizeBytes}, fd).sizeBytes;
    };
    expect(measured(segment.offsetBytes + 3 * 4096, 'dynamic')).to.equal(3 * 4096);
    expect(measured(segment.offsetBytes + 3 * 4096 + 4095, 'dynamic')).to.equal(3 * 4096);
    expect(measured(1000, 'dynamic')).to.equal(0);
    expect(measured(1000, 8192)).to.equal(8192);
    closeSync(fd);
    rmSync(folder, {recursive: true});
  });
});
