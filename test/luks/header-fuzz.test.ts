import {closeSync, readFileSync} from 'node:fs';
import {expect} from 'chai';
import fc from 'fast-check';
import {hashSizeOf, keySizesOf} from '../../src/luks/ciphers.ts';
import {readHeaderCopies} from '../../src/luks/header-reader.ts';
import type {LuksHeader} from '../../src/luks/header.ts';
import {estimateUnlockSeconds} from '../../src/luks/kdf-cost.ts';
import {renderHeader} from '../../src/luks/render.ts';
import {vetHeader} from '../../src/luks/vet.ts';
import type {Verdict} from '../../src/luks/vet.ts';
import {copiesOf, metadataOf, sealCopy, setText} from './forge.ts';
import {cheap, cryptsetup, dataOffsetBytes, fileWith, formatImage, headerAreaSizeBytes} from './images.ts';
import {overwrite, removeFolders} from './images.ts';
import {placesOf, withValue} from './json-tree.ts';
import type {JsonTree} from './json-tree.ts';

const imageSizeBytes = dataOffsetBytes + 1024 * 1024;
const memoryLimitKiB = 1024 * 1024;

describe('The vetting of a header, fuzzed', () => {
  let image: Buffer;
  let fd: number;

  before(() => {
    const path = formatImage('fuzz', cheap);
    image = readFileSync(path).subarray(0, headerAreaSizeBytes);
    fd = fileWith(image, imageSizeBytes);
  });

  after(() => {
    closeSync(fd);
    removeFolders();
  });

  function verdictOn(bytes: Buffer, sizeBytes = imageSizeBytes): Verdict {
    overwrite(fd, bytes, sizeBytes);
    const startedMs = performance.now();
    const copies = readHeaderCopies(fd);
    const verdict = vetHeader(copies, {imageSizeBytes: sizeBytes, memoryLimitKiB});
    expect(performance.now() - startedMs).to.be.below(1000);
    if (verdict.verdict === 'refused') expect([65, 69]).to.include(verdict.exitCode);
    else expectHarmless(verdict.header, sizeBytes);
    return verdict;
  }

  /** What must hold of everything that opens, said again, and in another way than in the rules. */
  function expectHarmless(header: LuksHeader, sizeBytes: number): void {
    const [segment, ...others] = header.segments;
    expect(others).to.deep.equal([]);
    expect(keySizesOf(segment!.encryption)).to.include(header.keyslots[0]!.keySizeBytes);
    expect(JSON.stringify([segment!.encryption, header.keyslots.map(({area}) => area)])).not.to.match(/null|none/i);
    expect(estimateUnlockSeconds(header)).to.be.within(0, 600);
    expect(header.requirements).to.deep.equal([]);
    expect(header.tokens).to.deep.equal([]);
    expect(header.uuid).to.match(/^[0-9a-fA-F-]{36}$/);
    const used = [
      [0, 2 * header.headerSizeBytes],
      [segment!.offsetBytes, sizeBytes],
    ];
    for (const {area, kdf, af} of header.keyslots) {
      expect(hashSizeOf(af.hash)).to.be.a('number');
      if (kdf.type !== 'pbkdf2') expect(kdf.memoryKiB).to.be.within(8, memoryLimitKiB);
      used.push([area.offsetBytes, area.offsetBytes + area.sizeBytes]);
    }
    used.sort(([a], [b]) => a! - b!);
    used.forEach(([start, end], index) => {
      expect(start).to.be.below(end!);
      if (index > 0) expect(start).to.be.at.least(used[index - 1]![1]!);
    });
    expect(used.at(-1)![1]).to.be.at.most(sizeBytes);
    expectSameWhenRendered(header, sizeBytes);
  }

  /** What is written for cryptsetup reads as what was vetted, and is vetted again. */
  function expectSameWhenRendered(header: LuksHeader, sizeBytes: number): void {
    const rendered = renderHeader(header);
    overwrite(fd, rendered, sizeBytes);
    const again = vetHeader(readHeaderCopies(fd), {imageSizeBytes: sizeBytes, memoryLimitKiB});
    expect(again.verdict).to.equal('opens');
    if (again.verdict !== 'opens') return;
    const flags = again.header.flags;
    expect({...again.header, flags}).to.deep.equal({...header, flags, label: '', subsystem: ''});
  }

  const flips = fc.array(fc.tuple(fc.nat(headerAreaSizeBytes - 1), fc.integer({min: 1, max: 255})), {
    minLength: 1,
    maxLength: 8,
  });

  it('gives a verdict on any bytes wherever they are changed', () => {
    fc.assert(
      fc.property(flips, (changes) => {
        const bytes = Buffer.from(image);
        for (const [offset, mask] of changes) bytes[offset]! ^= mask;
        verdictOn(bytes);
      }),
      {numRuns: 2000},
    );
  });

  it('gives a verdict on any bytes under right checksums', () => {
    const inHeader = fc.oneof(fc.nat(511), fc.integer({min: 4096, max: 6144}));
    const near = fc.array(fc.tuple(inHeader, fc.integer({min: 1, max: 255})), {minLength: 1, maxLength: 3});
    fc.assert(
      fc.property(near, fc.boolean(), (changes, inBoth) => {
        const bytes = Buffer.from(image);
        for (const copy of copiesOf(bytes, inBoth ? 'both copies' : 'the first copy')) {
          for (const [offset, mask] of changes) copy[offset]! ^= mask;
          sealCopy(copy);
        }
        verdictOn(bytes);
      }),
      {numRuns: 3000},
    );
  });

  it('gives a verdict on any metadata', () => {
    const places = placesOf(metadataOf(image));
    const number = fc.oneof(fc.integer({min: -1, max: 8192}), fc.integer({min: -(2 ** 31), max: 2 ** 32}));
    const value: fc.Arbitrary<JsonTree | undefined> = fc.oneof(
      fc.constantFrom<(JsonTree | undefined)[]>(
        undefined,
        null,
        [],
        {},
        '',
        '0',
        'dynamic',
        ['0'],
        ['1'],
        'cipher_null',
      ),
      number,
      number.map(String),
      fc.bigInt({min: 0n, max: 1n << 64n}).map(String),
      fc.constantFrom('aes-xts-plain64', 'aes-ecb', 'sha256', 'sha1', 'argon2id', 'luks2', 'raw', 'crypt'),
      fc.jsonValue({maxDepth: 3}).map((json) => json as JsonTree),
    );
    const extra = fc.tuple(fc.constantFrom('keyslots', 'segments', 'digests', 'tokens', 'config'), fc.string());
    const name = fc.oneof(
      {weight: 4, arbitrary: fc.constantFrom(...places)},
      extra.map(([section, key]) => `${section}.${key.replaceAll('.', '')}`),
    );
    const opened: Buffer[] = [];
    fc.assert(
      fc.property(fc.array(fc.tuple(name, value), {minLength: 1, maxLength: 3}), (changes) => {
        const bytes = Buffer.from(image);
        for (const copy of copiesOf(bytes, 'both copies')) {
          let metadata = metadataOf(image);
          for (const [place, changed] of changes) metadata = tryChange(metadata, place, changed);
          setText(JSON.stringify(metadata).slice(0, 12_000))(copy);
          sealCopy(copy);
        }
        if (verdictOn(bytes).verdict !== 'refused') opened.push(bytes);
      }),
      {numRuns: 3000},
    );
    expect(opened.length, 'metadata that opened').to.be.above(10);
    for (const bytes of opened.slice(0, 50)) {
      overwrite(fd, bytes, imageSizeBytes);
      expect(readByCryptsetup(), metadataText(bytes)).to.equal(true);
    }
  });

  it('gives a verdict on any text in place of the metadata', () => {
    const text = fc.oneof(fc.string({maxLength: 200, unit: 'binary'}), fc.json({maxDepth: 40}));
    fc.assert(
      fc.property(text, fc.nat(2000), (garbage, at) => {
        const original = JSON.stringify(metadataOf(image));
        const bytes = Buffer.from(image);
        for (const copy of copiesOf(bytes, 'both copies')) {
          setText((original.slice(0, at) + garbage + original.slice(at)).slice(0, 12_000))(copy);
          sealCopy(copy);
        }
        verdictOn(bytes);
      }),
      {numRuns: 500},
    );
  });

  it('gives a verdict on an image that ends anywhere', () => {
    fc.assert(
      fc.property(fc.nat(headerAreaSizeBytes), (sizeBytes) => {
        expect(verdictOn(image.subarray(0, sizeBytes), sizeBytes).verdict).to.equal('refused');
      }),
      {numRuns: 200},
    );
  });

  it('agrees with the installed cryptsetup that a rendered header is one', () => {
    overwrite(fd, image, imageSizeBytes);
    const verdict = vetHeader(readHeaderCopies(fd), {imageSizeBytes, memoryLimitKiB});
    if (verdict.verdict !== 'opens') throw new Error('the sample does not open');
    overwrite(fd, renderHeader(verdict.header), imageSizeBytes);
    expect(readByCryptsetup()).to.equal(true);
  });

  function readByCryptsetup(): boolean {
    return cryptsetup(['luksDump', '--disable-locks', `/proc/${process.pid}/fd/${fd}`]).code === 0;
  }
});

function metadataText(image: Buffer): string {
  return JSON.stringify(metadataOf(image));
}

function tryChange(metadata: JsonTree, place: string, value: JsonTree | undefined): JsonTree {
  try {
    return withValue(metadata, place, value);
  } catch {
    return metadata;
  }
}
