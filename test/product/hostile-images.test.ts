import {readFileSync} from 'node:fs';
import {expect} from 'chai';
import {share} from '../../scripts/sample.js';
import {encipherElsewhere, mkfsElsewhere} from '../bed/elsewhere.ts';
import {expectNothingLeft} from '../bed/leftovers.ts';
import {makeOwner, needsRoot} from '../bed/owner.ts';
import {tazpod} from '../bed/run.ts';
import type {BedUser} from '../bed/user.ts';
import {planVault, removeVault} from '../bed/vault.ts';
import {headerAreaSizeBytes} from '../luks/images.ts';
import {hostileImages} from './hostile-images.ts';

/** The programs that parse what is in an image. */
const parsers = /\/(cryptsetup|e2fsck|mke2fs|debugfs|dumpe2fs)\b/;

describe('An image that somebody has prepared, opened by a user whom sudo grants the ghost alone', function () {
  this.timeout(600_000);
  let owner: BedUser;
  let sample: Buffer;

  before(function () {
    needsRoot(this);
    owner = makeOwner();
    const vault = planVault(owner);
    mkfsElsewhere(vault, []);
    encipherElsewhere(vault);
    sample = readFileSync(vault.image).subarray(0, headerAreaSizeBytes);
    removeVault(vault);
  });

  it('is one of at least 60', () => {
    expect(hostileImages(sample)).to.have.lengthOf.at.least(60);
  });

  it('opens or is refused in words, by programs without a privilege, and leaves nothing behind', async () => {
    const seen = new Map<number | null, number>();
    for (const image of share(hostileImages(sample), 15)) {
      const vault = planVault(owner);
      image.make(vault);
      const {code, stdout, stderr} = await tazpod(owner, ['exec', '--debug', ...vault.flags, '--', 'echo', 'inside'], {
        timeoutMs: 60_000,
      });
      const shown = `${image.name}: ${code}\n${stderr}`;
      expect(code, shown).to.be.oneOf([0, 65]);
      expect(stdout, shown).to.equal(code === 0 ? 'inside\n' : '');
      if (code === 65) expect(stderr, shown).to.match(/^tazpod: |Error: |Next: /m);
      expect(stderr, shown).to.not.match(/bug in TazPod/);
      const calls = stderr.split('\n').filter((line) => line.startsWith('+ ') && parsers.test(line));
      expect(
        calls.filter((line) => !line.startsWith('+ confined: ')),
        shown,
      ).to.deep.equal([]);
      await expectNothingLeft(vault);
      removeVault(vault);
      seen.set(code, (seen.get(code) ?? 0) + 1);
    }
    expect([...seen.values()].reduce((sum, count) => sum + count, 0)).to.be.greaterThan(0);
  });
});
