import {readFileSync} from 'node:fs';
import {expect} from 'chai';
import {share, whole} from '../../scripts/sample.js';
import {encipherElsewhere, mkfsElsewhere} from '../bed/elsewhere.ts';
import {expectNothingLeft} from '../bed/leftovers.ts';
import {makeOwner, needsRoot} from '../bed/owner.ts';
import {tazpod} from '../bed/run.ts';
import type {BedUser} from '../bed/user.ts';
import {planVault, removeVault} from '../bed/vault.ts';
import {headerAreaSizeBytes} from '../luks/images.ts';
import {type HostileImage, hostileImages} from './hostile-images.ts';

/** The programs that parse what is in an image. */
const parsers = /\/(cryptsetup|e2fsck|mke2fs|debugfs|dumpe2fs)\b/;

describe('An image that somebody has prepared, opened by a user whom sudo grants the ghost alone', function () {
  this.timeout(1_800_000);
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

  /** What is wrong with how an image was met; undefined if nothing is. */
  async function faultOf(image: HostileImage): Promise<string | undefined> {
    const vault = planVault(owner);
    image.make(vault);
    try {
      const {code, stdout, stderr} = await tazpod(owner, ['exec', '--debug', ...vault.flags, '--', 'echo', 'inside'], {
        timeoutMs: 120_000,
      });
      // 77: the key is wrong, or the vault belongs to another account.
      expect(code, stderr).to.be.oneOf([0, 65, 77]);
      if (code === 77) expect(stderr).to.match(/passphrase or key is wrong|belong to another account/);
      expect(stdout, stderr).to.equal(code === 0 ? 'inside\n' : '');
      expect(stderr).to.not.match(/bug in TazPod/);
      const calls = stderr.split('\n').filter((line) => line.startsWith('+ ') && parsers.test(line));
      const free = calls.filter((line) => !line.startsWith('+ confined: '));
      expect(free, 'parsers that are not confined').to.deep.equal([]);
      // The control: a parser that runs is seen.
      if (code === 0)
        expect(calls.join('\n'))
          .to.match(/cryptsetup/)
          .and.to.match(/e2fsck/);
      await expectNothingLeft(vault);
      codes.push(code);
      return undefined;
    } catch (error) {
      return `${image.name}: ${String(error)}`;
    } finally {
      removeVault(vault);
    }
  }

  /** What each of them ended with. */
  const codes: number[] = [];

  it('opens or is refused, by programs without a privilege, and leaves nothing behind', async () => {
    const faults: string[] = [];
    for (const image of share(hostileImages(sample), 15)) {
      const fault = await faultOf(image);
      if (fault !== undefined) faults.push(fault);
    }
    expect(faults.join('\n\n')).to.equal('');
    // Some of each: the suite would show nothing if all were refused by the first check.
    if (whole) expect(codes).to.include.members([0, 65]);
  });
});
