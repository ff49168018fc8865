import {expect} from 'chai';
import fc from 'fast-check';
import {conclude, type Circumstances} from '../../src/doctor/conclusion.ts';

const root: Circumstances = {
  uid: 0,
  sudo: 'root already',
  administrator: false,
  runnableAsRoot: true,
  userNamespaces: 'allowed',
  deviceMapper: 'usable',
  fuse: 'usable',
  loop: 'usable',
  ext4: true,
  fuse2fs: true,
  missing: [],
};
const ada: Circumstances = {...root, uid: 1000, sudo: 'password', deviceMapper: 'root only', loop: 'root only'};

const gets = (circumstances: Circumstances): unknown[] => {
  const {engine, fileSystem, isolation} = conclude(circumstances);
  return [engine, fileSystem, isolation];
};

describe('what a machine gets', () => {
  it('is dm-crypt and a sealed session for root and for who becomes root', () => {
    expect(gets(root)).to.deep.equal(['dm-crypt', 'ext4', 'sealed']);
    for (const sudo of ['no password', 'password'] as const) {
      expect(gets({...ada, sudo})).to.deep.equal(['dm-crypt', 'ext4', 'sealed']);
    }
    expect(gets({...ada, sudo: 'unknown', administrator: true})).to.deep.equal(['dm-crypt', 'ext4', 'sealed']);
  });

  it('is the fuse engine where there is no dm-crypt, with ext4 by the kernel where there are loop devices', () => {
    const without = {...root, deviceMapper: 'absent'} as const;
    expect(gets(without)).to.deep.equal(['fuse', 'ext4', 'sealed']);
    expect(gets({...without, loop: 'absent'})).to.deep.equal(['fuse', 'fuse2fs', 'sealed']);
    expect(gets({...without, ext4: false})).to.deep.equal(['fuse', 'fuse2fs', 'sealed']);
    expect(gets({...without, fuse: 'root only', uid: 1000, sudo: 'password'})).to.deep.equal([
      'fuse',
      'ext4',
      'sealed',
    ]);
  });

  it('is the fuse engine with fuse2fs and a private session without root', () => {
    for (const sudo of ['absent', 'refused', 'blocked', 'unknown'] as const) {
      expect(gets({...ada, sudo})).to.deep.equal(['fuse', 'fuse2fs', 'private']);
    }
    expect(gets({...ada, runnableAsRoot: false})).to.deep.equal(['fuse', 'fuse2fs', 'private']);
  });

  it('is nothing, with the reason, where something is missing that nothing replaces', () => {
    const reason = (circumstances: Circumstances): string => {
      expect(gets(circumstances)).to.deep.equal([undefined, undefined, 'none']);
      return conclude(circumstances).because.at(-1)!;
    };
    const alone = {...ada, sudo: 'absent'} as const;
    expect(reason({...root, missing: ['cryptsetup', 'util-linux']})).to.equal(
      'This machine lacks: cryptsetup, util-linux.',
    );
    expect(reason({...root, userNamespaces: 'unknown'})).to.match(/without the right to create namespaces/);
    expect(reason({...root, deviceMapper: 'absent', fuse: 'absent'})).to.match(/\/dev\/fuse does not exist either/);
    expect(reason({...root, deviceMapper: 'absent', loop: 'absent', fuse2fs: false})).to.match(
      /fuse2fs is not installed/,
    );
    expect(reason({...alone, userNamespaces: 'apparmor'})).to.equal('You may not create user namespaces.');
    expect(reason({...alone, fuse: 'root only'})).to.equal('You may not open /dev/fuse.');
    expect(reason({...alone, fuse2fs: false})).to.match(/fuse2fs is not installed/);
  });

  it('always says why, and never promises root’s engine or seal to who does not become root', () => {
    const access = fc.constantFrom('usable', 'root only', 'absent') as fc.Arbitrary<Circumstances['fuse']>;
    const circumstances = fc.record<Circumstances>({
      uid: fc.constantFrom(0, 1000),
      sudo: fc.constantFrom('no password', 'password', 'unknown', 'refused', 'blocked', 'absent'),
      administrator: fc.boolean(),
      runnableAsRoot: fc.boolean(),
      userNamespaces: fc.constantFrom('allowed', 'apparmor', 'unknown'),
      deviceMapper: access,
      fuse: access,
      loop: access,
      ext4: fc.boolean(),
      fuse2fs: fc.boolean(),
      missing: fc.constantFrom([], ['cryptsetup']),
    });
    fc.assert(
      fc.property(circumstances, (these) => {
        const {engine, fileSystem, isolation, because} = conclude(these);
        expect(because).not.to.be.empty;
        expect(engine === undefined).to.equal(isolation === 'none');
        const becomesRoot =
          these.uid === 0 || (these.runnableAsRoot && !['refused', 'blocked', 'absent'].includes(these.sudo));
        if (!becomesRoot) expect([engine, fileSystem, isolation]).not.to.include.oneOf(['dm-crypt', 'ext4', 'sealed']);
        if (engine === 'dm-crypt') expect(these.deviceMapper).not.to.equal('absent');
        if (engine === 'fuse') expect(these.fuse).not.to.equal('absent');
        if (fileSystem === 'fuse2fs') expect(these.fuse2fs).to.equal(true);
      }),
      {numRuns: 2000},
    );
  });
});
