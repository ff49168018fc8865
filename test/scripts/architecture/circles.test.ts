import {expect} from 'chai';
import {findCircles} from '../../../scripts/architecture/circles.ts';

describe('the drawing of src/ from its imports', () => {
  it('has no circle if every import leads from a directory to one below it', () => {
    const imports = [
      ['src/cli/run.ts', 'src/vault/open.ts'],
      ['src/vault/open.ts', 'src/vault/plan/plan.ts'],
      ['src/vault/plan/plan.ts', 'src/kernel/loop.ts'],
    ] as const;
    expect(findCircles(imports)).to.deep.equal([]);
  });

  it('finds directories that import each other, although none of their files does', () => {
    const there = ['src/secrets/pull/fetch.ts', 'src/secrets/stores/backends.ts'] as const;
    const back = ['src/secrets/stores/own-vault.ts', 'src/secrets/pull/file-operations.ts'] as const;
    expect(findCircles([there, back])).to.deep.equal([
      {directory: 'src/secrets', members: ['pull', 'stores'], imports: [there, back]},
    ]);
  });

  it('finds a circle of a directory and a file beside it', () => {
    const imports = [
      ['src/ghost/run.ts', 'src/ghost/session/seal.ts'],
      ['src/ghost/session/join.ts', 'src/ghost/bridges/directory.ts'],
      ['src/ghost/bridges/bridges.ts', 'src/ghost/run.ts'],
    ] as const;
    expect(findCircles(imports).map(({members}) => members)).to.deep.equal([['bridges', 'run.ts', 'session']]);
  });

  it('does not count imports that pass through the directories above', () => {
    const imports = [
      ['src/ghost/session/join.ts', 'src/kernel/loop.ts'],
      ['src/ghost/plan/read.ts', 'src/ghost/session/join.ts'],
    ] as const;
    expect(findCircles(imports)).to.deep.equal([]);
  });
});
