import {spawnSync} from 'node:child_process';
import {readdirSync} from 'node:fs';
import {expect} from 'chai';
import {expectNothingLeft} from '../bed/leftovers.ts';
import {makeOwner, needsRoot} from '../bed/owner.ts';
import {tazpod} from '../bed/run.ts';
import {whole} from '../../scripts/sample.js';
import {makeVault} from '../bed/vault.ts';

/** Where everything is played, a hundred. */
const rounds = whole ? 100 : 20;

describe(`Opened, written to and closed, ${rounds} times`, () => {
  before(function () {
    needsRoot(this);
  });

  it('a vault loses nothing, its file system is clean each time, and the machine has nothing more than before', async function () {
    this.timeout(900_000);
    const loopsBefore = numberOfLoopNodes();
    // Two vaults of two users, side by side: each half of the rounds.
    await Promise.all([half(), half()]);
    expect(numberOfLoopNodes() - loopsBefore).to.be.at.most(2);
  });

  async function half(): Promise<void> {
    const owner = makeOwner();
    const vault = await makeVault(owner);
    for (let round = 1; round <= rounds / 2; round++) {
      const script = `echo ${round} >> ~/secrets/rounds && wc -l < ~/secrets/rounds && head -c 100000 /dev/urandom > ~/secrets/f${round % 7}`;
      const {code, stdout, stderr} = await tazpod(owner, ['exec', '--debug', ...vault.flags, '--', 'sh', '-c', script]);
      expect({code, stdout}, stderr).to.deep.equal({code: 0, stdout: `${round}\n`});
      expect(stderr).to.match(/✔ Check the file system: clean/);
      if (round % 10 === 0) await expectNothingLeft(vault);
    }
    await expectNothingLeft(vault);
  }
});

/** Loop devices are made on demand and stay as nodes; a leak shows as one more with each round. */
function numberOfLoopNodes(): number {
  expect(spawnSync('losetup', ['--list']).status).to.equal(0);
  return readdirSync('/sys/block').filter((name) => name.startsWith('loop')).length;
}
