import {expect} from 'chai';
import type {Caller} from '../../src/ghost/caller.ts';
import {judgeOwner} from '../../src/ghost/foreign-vault.ts';

const caller: Caller = {
  uid: 1000,
  gid: 1000,
  sessionUid: 1000,
  sessionGid: 1000,
  groups: [1000, 50],
  isolation: 'sealed',
};

describe('the owner of a vault', () => {
  const judge = (uid: number, gid: number, mode: number): string | undefined | number => {
    try {
      return judgeOwner({uid, gid, mode: 0o040000 | mode}, caller, "/home/u/it's.img");
    } catch (error) {
      return (error as {code: number}).code;
    }
  };

  it('is no matter where it is the user, with any mode', () => {
    for (const mode of [0o700, 0o755, 0o000, 0o777]) expect(judge(1000, 0, mode)).to.equal(undefined);
  });

  it('keeps the user out where the top directory can only be entered by others', () => {
    expect(judge(1001, 1001, 0o700)).to.equal(77);
    expect(judge(1001, 1001, 0o750)).to.equal(77);
    // The bits of the group count for its members, even where others may more.
    expect(judge(1001, 50, 0o705)).to.equal(77);
    expect(judge(0, 0, 0o700)).to.equal(77);
  });

  it('is a reason to warn where the user can enter and not write', () => {
    expect(judge(0, 0, 0o755))
      .to.contain('belongs to root')
      .and.to.contain("--image '/home/u/it'\\''s.img'");
    expect(judge(1001, 50, 0o750)).to.contain('belongs to uid 1001');
    // To write, a directory must be entered too; and one that can be written is the user's to use.
    expect(judge(1001, 50, 0o770)).to.equal(undefined);
    expect(judge(1001, 1001, 0o777)).to.equal(undefined);
  });
});
