import {spawn} from 'node:child_process';
import {randomInt} from 'node:crypto';
import {once} from 'node:events';
import {closeSync, copyFileSync, openSync, readFileSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {setTimeout as sleep} from 'node:timers/promises';
import {expect} from 'chai';
import {Failure} from '../../src/foundation/failure.ts';
import {readWhole} from '../../src/foundation/whole-bytes.ts';
import {writeDraft, type WrittenPart} from '../../src/luks/header-draft.ts';
import {readHeaderCopies} from '../../src/luks/header-reader.ts';
import type {HeaderCopies} from '../../src/luks/header.ts';
import {metadataOf} from './forge.ts';
import {
  addKey,
  cheap,
  cryptsetup,
  dataOffsetBytes,
  formatImage,
  mustSucceed,
  removeFolders,
  temporaryFolder,
} from './images.ts';
import {changeKey, type Change, quick, withDraft} from './key-change.ts';

const [oldKey, newKey] = ['the old key', 'the new key'];
const replacing: Change = {key: oldKey, newKey, drop: [0]};
const parts: readonly WrittenPart[] = ['new key slots', 'second copy', 'first copy', 'free areas'];
const sectorBytes = 512;

/** How many kills; a longer run has more. */
const kills = Number(process.env['KEY_KILLS'] ?? 50);

/** Whether plain cryptsetup opens an image. It mends a header copy that is not whole. */
function opens(path: string, key: string | Buffer): boolean {
  const {code} = cryptsetup(['open', '--test-passphrase', '--key-file=-', path], key);
  expect(code).to.be.oneOf([0, 2]);
  return code === 0;
}

function copiesOf(path: string): HeaderCopies {
  const fd = openSync(path, 'r');
  try {
    return readHeaderCopies(fd);
  } finally {
    closeSync(fd);
  }
}

/** Exactly one of both keys opens the image, and both copies of the header are whole and say the same. */
function expectOldOrNew(path: string, when: string): void {
  expect([opens(path, oldKey), opens(path, newKey)], when).to.have.members([true, false]);
  const {primary, secondary} = copiesOf(path);
  expect([primary.state, secondary.state], when).to.deep.equal(['sound', 'sound']);
  expect(primary, when).to.have.property('fingerprint', secondary.state === 'sound' ? secondary.fingerprint : '');
}

describe('A changed header', function () {
  this.timeout(600_000);
  afterEach(removeFolders);

  it('opens with the new key and no longer with the old one, in plain cryptsetup', async () => {
    const path = formatImage(oldKey, cheap);
    await changeKey(path, replacing);
    expect([opens(path, oldKey), opens(path, newKey)]).to.deep.equal([false, true]);
    expectOldOrNew(path, 'afterwards');
  });

  it('takes any bytes for old and new keys', async () => {
    const keys = [
      'a line',
      Buffer.from('two\nlines\n'),
      Buffer.from('\0\xff\0', 'latin1'),
      Buffer.alloc(4000, 'x'),
      'last',
    ];
    const path = formatImage(keys[0]!, cheap);
    for (const [index, key] of keys.entries()) {
      const next = keys[index + 1];
      if (next === undefined) break;
      const drop = Object.keys((metadataOf(readFileSync(path)) as {keyslots: object}).keyslots).map(Number);
      await changeKey(path, {key, newKey: next, drop});
      expect([opens(path, key), opens(path, next)], String(index)).to.deep.equal([false, true]);
    }
  });

  it('keeps what it does not know: the label, tokens of other programs, other key slots, and the data', async () => {
    const path = formatImage(oldKey, [...cheap, '--label=my work', '--subsystem=mine']);
    addKey(path, oldKey, 'another', cheap);
    const token = {type: 'acme-device', keyslots: ['1'], blob: 'YmxvYg==', numbers: [7], pin: false};
    mustSucceed(cryptsetup(['token', 'import', '--json-file=-', path], JSON.stringify(token)));
    const before = readFileSync(path);
    await changeKey(path, {...replacing, name: 'laptop'});
    expect(opens(path, 'another')).to.equal(true);
    const after = readFileSync(path);
    expect(after.subarray(dataOffsetBytes).equals(before.subarray(dataOffsetBytes))).to.equal(true);
    const metadata = metadataOf(after);
    expect(metadata).to.have.nested.property('tokens.0').that.deep.equals(token);
    const {stdout} = cryptsetup(['luksDump', path]);
    expect(stdout)
      .to.match(/^Label:\s+my work$/m)
      .and.to.match(/^Subsystem:\s+mine$/m);
    expect(stdout).to.match(/^ {2}1: tazpod-key:laptop$/m);
  });

  it('leaves nothing of the old key slot in the image', async () => {
    const path = formatImage(oldKey, cheap);
    const {area} = keyslotOf(path, 0);
    const slotIn = () => readFileSync(path).subarray(area.offsetBytes, area.offsetBytes + area.sizeBytes);
    expect(slotIn().every((byte) => byte === 0)).to.equal(false);
    await changeKey(path, replacing);
    expect(slotIn().every((byte) => byte === 0)).to.equal(true);
  });

  it('is not written where another program has changed the header since', async () => {
    const path = formatImage(oldKey, cheap);
    const failure = await withDraft(path, replacing, (imageFd, draft) => {
      addKey(path, oldKey, 'another', cheap);
      const before = readFileSync(path);
      try {
        writeDraft(imageFd, draft);
      } catch (error) {
        expect(readFileSync(path).equals(before)).to.equal(true);
        return error;
      }
      return undefined;
    });
    expect(failure).to.be.instanceOf(Failure).with.property('code', 75);
    expect(opens(path, oldKey)).to.equal(true);
  });

  it('opens with the old or the new key when any sectors of one write are on the disk and others are not', async () => {
    const path = formatImage(oldKey, cheap);
    const states: Buffer[] = [readFileSync(path).subarray(0, dataOffsetBytes)];
    const rest = readFileSync(path).subarray(dataOffsetBytes);
    await withDraft(path, replacing, (imageFd, draft) =>
      writeDraft(imageFd, draft, () => {
        const state = Buffer.alloc(dataOffsetBytes);
        readWhole(imageFd, state, 0);
        states.push(state);
      }),
    );
    expect(states).to.have.length(parts.length + 1);
    const seen = new Set<boolean>();
    for (let round = 0; round < kills; round++) {
      const part = round % parts.length;
      const torn = tear(states[part]!, states[part + 1]!);
      writeFileSync(path, Buffer.concat([torn, rest]));
      expectOldOrNew(path, `${parts[part]}, round ${round}`);
      seen.add(opens(path, newKey));
    }
    expect(seen.size).to.equal(2);
  });

  it('opens with the old or the new key when its writer is killed at any moment, and the next change removes what is left', async () => {
    const path = formatImage(oldKey, cheap);
    const draftPath = join(temporaryFolder(), 'draft');
    await withDraft(path, replacing, (_fd, draft) => copyFileSync(`/proc/self/fd/${draft.fd}`, draftPath));
    const before = readFileSync(path);
    for (let round = 0; round < kills; round++) {
      const part = parts[round];
      writeFileSync(path, before);
      await killedWriter([path, draftPath, ...(part === undefined ? [] : [part])], part === undefined);
      expectOldOrNew(path, part ?? `round ${round}`);
      if (part !== 'first copy') continue;
      expect(opens(path, newKey)).to.equal(true);
      const {area} = keyslotOf(path, 1);
      await changeKey(path, {key: newKey, newKey: oldKey, drop: [1]});
      const bytes = readFileSync(path);
      const used = Object.keys((metadataOf(bytes) as {keyslots: object}).keyslots).map(
        (id) => keyslotOf(path, Number(id)).area,
      );
      expect(used).to.have.length(1);
      expect(used[0]!.offsetBytes).not.to.equal(area.offsetBytes);
      const free = bytes.subarray(32768, dataOffsetBytes);
      free.fill(0, used[0]!.offsetBytes - 32768, used[0]!.offsetBytes - 32768 + used[0]!.sizeBytes);
      expect(free.every((byte) => byte === 0)).to.equal(true);
    }
  });

  it('has no place for a key that lies over another one, nor for more than LUKS2 allows', async () => {
    const path = formatImage(oldKey, cheap);
    for (let slot = 1; slot < 32; slot++) addKey(path, oldKey, `key ${slot}`, cheap);
    let failure: unknown;
    await changeKey(path, {key: oldKey, newKey, kdf: quick}).catch((error: unknown) => (failure = error));
    expect(failure).to.be.instanceOf(Failure).with.property('code', 73);
    expect((failure as Failure).message).to.contain('no room');
  });
});

function keyslotOf(path: string, id: number) {
  const {primary} = copiesOf(path);
  if (primary.state !== 'sound') throw new Error('the first copy is damaged');
  return primary.header.keyslots.find((slot) => slot.id === id)!;
}

/** The state between two: each sector that differs is the old one or the new one. */
function tear(before: Buffer, after: Buffer): Buffer {
  const torn = Buffer.from(before);
  for (let offset = 0; offset < before.length; offset += sectorBytes) {
    const sector = after.subarray(offset, offset + sectorBytes);
    if (randomInt(2) === 0 && !sector.equals(before.subarray(offset, offset + sectorBytes))) sector.copy(torn, offset);
  }
  return torn;
}

/** Runs a writer that is killed: by itself, or from outside some milliseconds after it has begun. */
async function killedWriter(args: readonly string[], fromOutside: boolean): Promise<void> {
  const child = spawn(process.execPath, [join(import.meta.dirname, '../children/write-draft.ts'), ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = once(child, 'exit');
  await Promise.race([once(child.stdout, 'data'), ended]);
  if (fromOutside) {
    await sleep(randomInt(30));
    child.kill('SIGKILL');
  }
  await ended;
}
