import {createSecretKey, randomBytes} from 'node:crypto';
import {expect} from 'chai';
import fc from 'fast-check';
import {SectorCipher} from '../../../src/engines/fuse/sector-cipher.ts';
import {isVolumeKeySize} from '../../../src/engines/fuse/sizes.ts';

const sectorSizesBytes = [512, 1024, 2048, 4096] as const;

describe('the cipher of a sector', () => {
  it('gives the published result of IEEE 1619 for AES-128-XTS, its number of the data unit as the tweak', () => {
    const key = createSecretKey(Buffer.concat([Buffer.alloc(16, 0x11), Buffer.alloc(16, 0x22)]));
    const cipher = new SectorCipher({sectorSizeBytes: 32, ivTweak: 0x3333333333n}, key);
    const data = Buffer.alloc(32, 0x44);
    cipher.encipher(data, 0);
    expect(data.toString('hex')).to.equal('c454185e6a16936e39334038acef838bfb186fff7480adc4289382ecd6d394f0');
  });

  it('gives back what it enciphered, for every size of sector and of key', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...sectorSizesBytes),
        fc.constantFrom(32, 64),
        fc.bigInt(0n, 2n ** 64n - 1n),
        fc.nat(1000),
        fc.integer({min: 1, max: 5}),
        (sectorSizeBytes, keySizeBytes, ivTweak, sector, sectors) => {
          const cipher = new SectorCipher({sectorSizeBytes, ivTweak}, createSecretKey(randomBytes(keySizeBytes)));
          const plain = randomBytes(sectors * sectorSizeBytes);
          const data = Buffer.from(plain);
          cipher.encipher(data, sector * sectorSizeBytes);
          expect(data.equals(plain)).to.equal(false);
          cipher.decipher(data, sector * sectorSizeBytes);
          expect(data.equals(plain)).to.equal(true);
        },
      ),
      {numRuns: 50},
    );
  });

  it('counts in units of 512 bytes for any size of the sector, and adds the tweak modulo 2^64', () => {
    const key = createSecretKey(randomBytes(64));
    const encipherZeroes = (sectorSizeBytes: number, ivTweak: bigint, offsetBytes: number): string => {
      const data = Buffer.alloc(sectorSizeBytes);
      new SectorCipher({sectorSizeBytes, ivTweak}, key).encipher(data, offsetBytes);
      return data.toString('hex');
    };
    expect(encipherZeroes(4096, 0n, 3 * 4096)).to.equal(encipherZeroes(4096, 24n, 0));
    expect(encipherZeroes(4096, 0n, 4096).slice(0, 1024)).to.equal(encipherZeroes(512, 0n, 4096));
    expect(encipherZeroes(512, 2n ** 64n - 1n, 512)).to.equal(encipherZeroes(512, 0n, 0));
  });

  it('gives equal plaintext in two sectors different ciphertext', () => {
    const data = Buffer.alloc(2 * 512, 'a');
    new SectorCipher({sectorSizeBytes: 512, ivTweak: 0n}, createSecretKey(randomBytes(64))).encipher(data, 0);
    expect(data.subarray(0, 512).equals(data.subarray(512))).to.equal(false);
  });

  it('is not made with a key that does not fit AES-XTS', () => {
    for (const sizeBytes of [16, 31, 48, 65]) {
      expect(isVolumeKeySize(sizeBytes)).to.equal(false);
      const key = createSecretKey(randomBytes(sizeBytes));
      expect(() => new SectorCipher({sectorSizeBytes: 512, ivTweak: 0n}, key)).to.throw(RangeError);
    }
  });
});
