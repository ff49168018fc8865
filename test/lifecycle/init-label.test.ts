import {expect} from 'chai';
import fc from 'fast-check';
import {initLabel, initName, parseInitLabel} from '../../src/lifecycle/init-label.ts';
import type {OpenVault} from '../../src/lifecycle/message.ts';

const vaults: fc.Arbitrary<OpenVault> = fc.record({
  uuid: fc.uuid(),
  engine: fc.constantFrom('fuse' as const, 'dm-crypt' as const),
  fileSystem: fc.constantFrom('ext4' as const, 'fuse2fs' as const),
  isolation: fc.constantFrom('sealed' as const, 'private' as const),
  imageId: fc.string(),
  image: fc.string({unit: 'grapheme'}),
  mountPoint: fc.string({unit: 'grapheme'}),
  uid: fc.nat(),
  keyDigest: fc.record({hash: fc.string(), iterations: fc.nat(), salt: fc.base64String(), digest: fc.base64String()}),
});

/** The arguments of an init with this label. */
const argvOf = (vault: OpenVault) => ['/bin/sh', '-c', 'script', ...initLabel(vault)];

describe('The label of an init', () => {
  it('says what was written on it, with any paths', () => {
    fc.assert(
      fc.property(vaults, (vault) => {
        expect(parseInitLabel(argvOf(vault))).to.deep.equal(vault);
      }),
    );
  });

  it('says that a vault is open read-only, and in no other way', () => {
    const [vault] = fc.sample(vaults, 1) as [OpenVault];
    expect(parseInitLabel(argvOf({...vault, readOnly: true}))).to.deep.equal({...vault, readOnly: true});
    for (const readOnly of [false, null, 1, 'true', {}]) {
      expect(parseInitLabel(argvOf({...vault, readOnly: readOnly as true}))).to.equal(undefined);
    }
  });

  it('is not read with a field missing, of another type or of another value', () => {
    const [vault] = fc.sample(vaults, 1) as [OpenVault];
    for (const field of Object.keys(vault) as (keyof OpenVault)[]) {
      for (const value of [undefined, null, 1.5, [], {}, 'else', '']) {
        if (
          typeof vault[field] === 'string' &&
          !['engine', 'fileSystem', 'isolation'].includes(field) &&
          typeof value === 'string'
        ) {
          continue;
        }
        const changed = {...vault, [field]: value};
        expect(parseInitLabel(argvOf(changed)), `${field} ${JSON.stringify(value)}`).to.be.undefined;
      }
    }
  });

  it('is not read from the arguments of other processes', () => {
    const [vault] = fc.sample(vaults, 1) as [OpenVault];
    const [name, label] = initLabel(vault);
    for (const argv of [
      [],
      [name, label],
      ['sh', name, label],
      ['/bin/sh', '-c', 'script', 'other', label],
      ['/bin/sh', '-c', 'script', name],
    ]) {
      expect(parseInitLabel(argv)).to.be.undefined;
    }
    fc.assert(
      fc.property(fc.array(fc.string()), fc.string(), (words, text) => {
        expect(parseInitLabel(words)).to.be.undefined;
        expect(parseInitLabel(['/bin/sh', '-c', 'script', initName, text])).to.be.undefined;
      }),
    );
  });
});
