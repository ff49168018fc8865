import {spawnSync} from 'node:child_process';
import {join} from 'node:path';
import {expect} from 'chai';
import {projectNode, root} from '../../scripts/setup.js';

/** As the ghost starts it: it may read, and nothing else. */
function judge(passphrase: string): {readonly code: number | null; readonly said: string; readonly stderr: string} {
  const permission = ['--permission', '--allow-fs-read=*'];
  const program = join(root, 'src/strength/judge.ts');
  const {status, stdout, stderr} = spawnSync(projectNode(), ['--disable-sigusr1', ...permission, program], {
    input: passphrase,
    encoding: 'utf8',
  });
  return {code: status, said: stdout, stderr};
}

describe('The judge of passphrases', function () {
  this.timeout(120_000);

  it('guesses as password crackers do, and looks at more than length and variety', () => {
    for (const [passphrase, atMost] of [
      ['password', 1],
      ['michael1987', 5],
      ['qwertyuiop123456789', 8],
      ['aaaaaaaaaaaaaaaaaaaaaaaa', 4],
    ] as const) {
      const {code, said, stderr} = judge(passphrase);
      expect(code, stderr).to.equal(0);
      expect(Number(said), passphrase).to.be.at.most(atMost);
    }
  });

  it('takes random words and letters for strong, and a long passphrase no longer than a short one', () => {
    for (const passphrase of ['orange kettle planet dust', 'kT7#vQ2!mZ9x', 'a9942aa0d1e276f7'.repeat(32)]) {
      const {said, stderr} = judge(passphrase);
      expect(Number(said), passphrase + stderr).to.be.at.least(10);
    }
  });

  it('answers with a number and nothing else', () => {
    expect(judge('orange kettle planet dust'))
      .to.include({stderr: ''})
      .and.have.property('said')
      .match(/^\d+\n$/);
  });
});
