import {expect} from 'chai';
import {refuseBridges} from '../../src/lifecycle/bridge-rules.ts';

const surroundings = {
  home: '/home/dev',
  mountPoint: '/home/dev/work/secrets',
  kept: ['/home/dev/project/.tazpod-vault/vault.img', '/home/dev/.keys/passphrase'],
};

const why = (...bridges: [string, string][]) =>
  refuseBridges(
    bridges.map(([home, vault]) => ({home, vault})),
    surroundings,
  )?.why;

describe('Bridges', () => {
  it('may be what they usually are', () => {
    expect(why(['.gemini', '.gemini'], ['.infisical', '.auth-infisical'], ['.local/share/x', 'a/b'])).to.equal(
      undefined,
    );
    expect(why(['.config/goose', 'goose/config'], ['.local/share/goose', 'goose/data'])).to.equal(undefined);
    // Beside, not in each other.
    expect(why(['.a', 'x'], ['.ab', 'xy'])).to.equal(undefined);
  });

  const refused: Readonly<Record<string, [[string, string][], RegExp]>> = {
    'an absolute path': [[['/etc', 'x']], /home directory is not a relative path/],
    'an absolute path in the vault': [[['x', '/x']], /vault is not a relative path/],
    '`..`': [[['../other', 'x']], /has an empty name, `\.` or `\.\.`/],
    '`..` further on, in the vault': [[['x', 'a/../b']], /in the vault has an empty name/],
    '`.`': [[['.', 'x']], /has an empty name/],
    'an empty path': [[['', 'x']], /home directory is empty/],
    'an empty name': [[['a//b', 'x']], /has an empty name/],
    'a slash at the end': [[['a/', 'x']], /has an empty name/],
    'a zero byte': [[['a\0', 'x']], /zero byte/],
    'a path that is too long': [[['a/'.repeat(600) + 'a', 'x']], /longer than/],
    'a name that is too long': [[['a'.repeat(256), 'x']], /name that is too long/],
    'TazPod’s part of the vault': [[['x', '.tazpod']], /not for bridges/],
    'below TazPod’s part of the vault': [[['x', '.tazpod/environment']], /not for bridges/],
    'e2fsck’s part of the vault': [[['x', 'lost+found/a']], /not for bridges/],
    'what TazPod reads while the vault is closed': [[['.config/tazpod', 'x']], /TazPod itself needs/],
    'above that': [[['.local', 'x']], /TazPod itself needs/],
    'the mount point': [[['work/secrets', 'x']], /the mount point is the same/],
    'above the mount point': [[['work', 'x']], /the mount point overlaps it/],
    'below the mount point': [[['work/secrets/a', 'x']], /the mount point overlaps it/],
    'above the image': [[['project', 'x']], /the image, the key file or TazPod itself/],
    'above the key file': [[['.keys', 'x']], /the image, the key file or TazPod itself/],
    'one in another in the home': [
      [
        ['.a', 'x'],
        ['.a/b', 'y'],
      ],
      /in the home it overlaps another bridge/,
    ],
    'one around another in the home': [
      [
        ['.a/b', 'x'],
        ['.a', 'y'],
      ],
      /in the home it overlaps another bridge/,
    ],
    'one in another in the vault': [
      [
        ['.a', 'x'],
        ['.b', 'x/y'],
      ],
      /in the vault it overlaps another bridge/,
    ],
    'two of one place in the home': [
      [
        ['.a', 'x'],
        ['.a', 'y'],
      ],
      /same path in the home/,
    ],
    'two of one place in the vault': [
      [
        ['.a', 'x'],
        ['.b', 'x'],
      ],
      /same path in the vault/,
    ],
  };
  for (const [name, [bridges, pattern]] of Object.entries(refused)) {
    it(`cannot be: ${name}`, () => expect(why(...bridges)).to.match(pattern));
  }
});
