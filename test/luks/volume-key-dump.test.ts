import {expect} from 'chai';
import fc from 'fast-check';
import {parseVolumeKeyDump} from '../../src/luks/volume-key-dump.ts';

/** As cryptsetup prints it, 16 bytes a line. */
function dumpOf(key: Buffer): Buffer {
  const bytes = [...key].map((byte) => byte.toString(16).padStart(2, '0'));
  const lines = Array.from({length: Math.ceil(bytes.length / 16)}, (_, line) =>
    bytes.slice(16 * line, 16 * line + 16).join(' '),
  );
  return Buffer.from(
    'LUKS header information for /proc/self/fd/3\nCipher name:   \taes\nCipher mode:   \txts-plain64\n' +
      `Payload offset:\t32768\nUUID:          \tabc\nMK bits:       \t${8 * key.length}\n` +
      `MK dump:\t${lines.join(' \n\t\t')} \n\n`,
  );
}

describe('The volume key in what cryptsetup prints', () => {
  it('is found byte for byte', () => {
    fc.assert(
      fc.property(fc.uint8Array({minLength: 1, maxLength: 128}), (bytes) => {
        const key = Buffer.from(bytes);
        expect(parseVolumeKeyDump(dumpOf(key), key.length)?.equals(key)).to.equal(true);
      }),
    );
  });

  it('is not taken when it is of another length than the header says', () => {
    const dump = dumpOf(Buffer.alloc(64, 0xab));
    for (const size of [0, 32, 63, 65, 128]) expect(parseVolumeKeyDump(dump, size)).to.equal(undefined);
  });

  it('is not taken when something else stands there', () => {
    const dump = dumpOf(Buffer.alloc(64, 0xab)).toString();
    const changed = [
      dump.replace('MK dump', 'VK dump'),
      dump.replace('ab ab', 'ab xy'),
      dump.replace('ab ab', 'AB ab'),
      `${dump}x`,
      dump.slice(0, -60),
      dump.replaceAll('\n', ''),
      '',
    ];
    for (const text of changed) expect(parseVolumeKeyDump(Buffer.from(text), 64), text).to.equal(undefined);
  });

  it('gives a key or nothing on any bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({maxLength: 600}), fc.nat(64), (bytes, size) => {
        const key = parseVolumeKeyDump(Buffer.from(bytes), size);
        if (key !== undefined) expect(key.length).to.equal(size);
      }),
    );
  });
});
