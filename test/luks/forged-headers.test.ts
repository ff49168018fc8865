import {closeSync, readFileSync, writeSync} from 'node:fs';
import {expect} from 'chai';
import {openNamelessFile, readVettedHeader, discardVettedHeader} from '../../src/luks/private-copy.ts';
import {readHeaderCopies} from '../../src/luks/header-reader.ts';
import {unlockVolumeKey} from '../../src/luks/cryptsetup.ts';
import {vetHeader} from '../../src/luks/vet.ts';
import type {Verdict} from '../../src/luks/vet.ts';
import {absenceFaults, binaryFaults, placeFaults, textFaults} from './faults.ts';
import type {Fault, Kind} from './faults.ts';
import {everywhere, flipByte, forge, metadataOf, sealCopy, setField, setPlace} from './forge.ts';
import type {Where} from './forge.ts';
import {
  addKey,
  cheap,
  cryptsetup,
  dataOffsetBytes,
  fileWith,
  formatImage,
  headerAreaSizeBytes,
  mustSucceed,
  overwrite,
  removeFolders,
  temporaryFolder,
} from './images.ts';

const key = Buffer.from('the key of slot 0');
const memoryLimitKiB = 1024 * 1024;

/** Header and the areas of two key slots: what a verdict and an unlocking read of the image. */
const relevantSizeBytes = headerAreaSizeBytes + 2 * 258048;
const imageSizeBytes = dataOffsetBytes + 1024 * 1024;

const sample = sampleImage();
const image = sample.subarray(0, headerAreaSizeBytes);
const metadata = metadataOf(image);

/** An image as plain cryptsetup makes it: argon2id in slot 0, PBKDF2 in slot 1, and a token. */
function sampleImage(): Buffer {
  const path = formatImage(key, [
    '--pbkdf=argon2id',
    '--pbkdf-memory=32',
    '--pbkdf-force-iterations=4',
    '--pbkdf-parallel=1',
    '--sector-size=4096',
  ]);
  addKey(path, key.toString(), 'the key of slot 1', cheap);
  mustSucceed(cryptsetup(['token', 'add', '--key-description=tazpod-test', '--key-slot=1', path]));
  const bytes = readFileSync(path).subarray(0, relevantSizeBytes);
  removeFolders();
  return bytes;
}

describe('A forged header', () => {
  let fd: number;
  let folder: string;
  let cases = 0;
  /** Images that open, for the cross-check with the installed cryptsetup. */
  const opened: {name: string; bytes: Buffer}[] = [];

  before(() => {
    fd = fileWith(sample, imageSizeBytes);
    folder = temporaryFolder();
  });

  after(() => {
    closeSync(fd);
    removeFolders();
  });

  /** The verdict on an image, which must come soon and without much memory. */
  function verdictOn(bytes: Buffer): Verdict {
    writeSync(fd, bytes, 0, headerAreaSizeBytes, 0);
    const before = process.memoryUsage();
    const startedMs = performance.now();
    const copies = readHeaderCopies(fd);
    const verdict = vetHeader(copies, {imageSizeBytes: copies.imageSizeBytes, memoryLimitKiB});
    const tookMs = performance.now() - startedMs;
    const after = process.memoryUsage();
    const allocatedBytes = after.arrayBuffers + after.heapUsed - before.arrayBuffers - before.heapUsed;
    expect(tookMs, 'time of the verdict').to.be.below(1000);
    expect(allocatedBytes, 'memory of the verdict').to.be.below(64 * 1024 * 1024);
    cases += 1;
    return verdict;
  }

  function check(fault: Fault, where: Where, reseal: boolean): Buffer {
    const bytes = forge(image, where, fault.change, {reseal});
    const verdict = verdictOn(bytes);
    const seen = reseal || fault.beforeChecksum === true;
    const wanted = wantedVerdict(seen ? fault.kind : 'damage', where);
    const shown = verdict.verdict === 'opens' ? '' : JSON.stringify({...verdict, header: undefined});
    expect(verdict.verdict, `${where}${reseal ? '' : ', checksum wrong'}: ${shown}`).to.equal(wanted);
    if (verdict.verdict === 'refused') checkRefusal(verdict, seen ? fault : undefined);
    else opened.push({name: `${fault.name} in ${where}`, bytes});
    return bytes;
  }

  function checkRefusal(verdict: Verdict & {verdict: 'refused'}, fault: Fault | undefined): void {
    expect(verdict.exitCode).to.equal(fault?.exitCode ?? 65);
    const text = `${verdict.what} ${verdict.why ?? ''} ${verdict.next ?? ''}`;
    expect(text).to.match(/^[\x20-\x7e…]+$/);
    if (fault?.says !== undefined) expect(text).to.match(fault.says);
  }

  /** A key goes where the verdict lets it: through the private copy to the installed cryptsetup. */
  async function unlocks(bytes: Buffer): Promise<boolean> {
    writeSync(fd, bytes, 0, headerAreaSizeBytes, 0);
    const vetted = readVettedHeader(fd, openNamelessFile('/dev/shm'), {memoryLimitKiB});
    try {
      const result = await unlockVolumeKey(vetted, key, folder);
      return result.outcome === 'unlocked' && result.volumeKey.length === 64;
    } finally {
      discardVettedHeader(vetted);
    }
  }

  const groups: [title: string, faults: readonly Fault[]][] = [
    ['in its binary part', binaryFaults],
    ['in its JSON text', textFaults(metadata)],
    ['that lacks something', absenceFaults(metadata)],
    ['that says something else', placeFaults(metadata)],
  ];
  for (const [title, faults] of groups) {
    describe(title, () => {
      for (const fault of faults) {
        it(`${fault.name}: ${sentence(fault)}`, async () => {
          const [everyCopy] = everywhere.map((where) => check(fault, where, true));
          if (['difference', 'warning', 'nothing'].includes(fault.kind)) {
            expect(await unlocks(everyCopy!), 'the passphrase opens it').to.equal(fault.locks !== true);
          }
        });
      }
    });
  }

  for (const fault of [...binaryFaults, ...placeFaults(metadata).filter(({kind}) => kind === 'danger')]) {
    it(`${fault.name}, with a checksum that does not know of it: ${fault.beforeChecksum ? 'the same' : 'is damage'}`, () => {
      for (const where of everywhere) check(fault, where, false);
    });
  }

  it('is damaged when a byte of its checksum is wrong, and not by the half of the field that SHA-256 leaves', () => {
    for (const offset of [448, 463, 479]) {
      for (const where of everywhere) {
        expect(verdictOn(forge(image, where, flipByte(offset), {reseal: false})).verdict).to.equal(
          wantedVerdict('damage', where),
        );
      }
    }
    for (const offset of [480, 511]) {
      expect(verdictOn(forge(image, 'both copies', flipByte(offset), {reseal: false})).verdict).to.equal('opens');
    }
  });

  it('is that of the newer copy, whichever it is, and the warning names the older one', () => {
    for (const [where, older] of [
      ['the first copy', 'second'],
      ['the second copy', 'first'],
    ] as const) {
      const change = (copy: Buffer): void => {
        setField('sequence', 1000n)(copy);
        setField('uuid', '01234567-89ab-cdef-0123-456789abcdef')(copy);
      };
      const verdict = verdictOn(forge(image, where, change, {reseal: true}));
      expect(verdict).to.have.nested.property('header.uuid', '01234567-89ab-cdef-0123-456789abcdef');
      expect(verdict)
        .to.have.property('warnings')
        .that.match(new RegExp(`^The ${older} copy .* is older`));
    }
  });

  it('is refused for a danger in the newer copy, however harmless the older one is', () => {
    const change = (copy: Buffer): void => {
      setField('sequence', 1000n)(copy);
      setPlace('segments.0.encryption', 'cipher_null-ecb')(copy);
    };
    for (const where of everywhere) {
      expect(verdictOn(forge(image, where, change, {reseal: true})).verdict, where).to.equal('refused');
    }
  });

  it('does not come from a second copy that claims to be larger than the place it has', () => {
    const bytes = forge(image, 'the first copy', flipByte(500), {reseal: false}).fill(0, 0, 0x4000);
    const large = Buffer.concat([bytes, sample.subarray(headerAreaSizeBytes)]).subarray(0x4000, 0xc000);
    setPlace('config.json_size', '28672')(large.subarray(0, 0x4000));
    setField('headerSize', 0x8000n)(large);
    sealCopy(large);
    writeSync(fd, large, 0, large.length, 0x4000);
    const verdict = verdictOn(Buffer.concat([bytes.subarray(0, 0x4000), large]));
    overwrite(fd, sample, imageSizeBytes);
    expect(verdict).to.include({verdict: 'refused', exitCode: 65});
    expect(verdict).to.have.property('why').that.includes('its size does not match its place');
  });

  it('is not looked for behind something else that begins where the first copy was', () => {
    const zeros = (from: number, to: number): Buffer => Buffer.from(image).fill(0, from, to);
    const ext4 = zeros(0, 0x4000);
    ext4.writeUInt16LE(0xef53, 1024 + 56);
    expect(verdictOn(ext4)).to.include({verdict: 'refused', exitCode: 65});
    expect(verdictOn(zeros(0, 8))).to.include({verdict: 'refused', exitCode: 65});
    for (const [from, to] of [
      [0, 4096],
      [0, 0x4000],
      [0x4000, 0x8000],
    ] as const) {
      expect(verdictOn(zeros(from, to)).verdict).to.equal('opens-with-warning');
      opened.push({name: `zeros from ${from} to ${to}`, bytes: zeros(from, to)});
    }
  });

  it('was made in more than 150 ways', () => {
    expect(cases).to.be.above(150);
  });

  it('never opens where the installed cryptsetup finds no header', () => {
    const refused = opened.filter(({bytes}) => {
      writeSync(fd, bytes, 0, headerAreaSizeBytes, 0);
      return cryptsetup(['luksDump', '--disable-locks', `/proc/${process.pid}/fd/${fd}`]).code !== 0;
    });
    expect(refused.map(({name}) => name)).to.deep.equal([]);
  });
});

function wantedVerdict(kind: Kind, where: Where): Verdict['verdict'] {
  if (kind === 'nothing') return 'opens';
  if (kind === 'warning') return 'opens-with-warning';
  if (kind === 'difference') return where === 'both copies' ? 'opens' : 'opens-with-warning';
  if (kind === 'damage') return where === 'both copies' ? 'refused' : 'opens-with-warning';
  return where === 'the second copy' ? 'opens-with-warning' : 'refused';
}

function sentence({kind}: Fault): string {
  return {
    damage: 'is refused, and mended by hand when it is in one copy only',
    danger: 'is refused, unless it is in the copy that does not count',
    warning: 'opens with a warning',
    difference: 'opens, with a warning when the copies differ',
    nothing: 'opens',
  }[kind];
}
