import {readFileSync, writeFileSync} from 'node:fs';
import {expect} from 'chai';
import {encipherElsewhere, mkfsElsewhere, must} from '../bed/elsewhere.ts';
import {makeOwner, needsRoot} from '../bed/owner.ts';
import {type Ended, tazpod} from '../bed/run.ts';
import type {BedUser} from '../bed/user.ts';
import {planVault, type TestVault} from '../bed/vault.ts';
import {superblockIn} from '../engines/external-journal.ts';

describe('a file system that somebody has prepared', function () {
  this.timeout(120_000);
  let owner: BedUser;
  let vault: TestVault;

  before(function () {
    needsRoot(this);
    owner = makeOwner();
  });

  beforeEach(() => {
    vault = planVault(owner);
    mkfsElsewhere(vault, ['-E', `root_owner=${owner.uid}:${owner.gid}`]);
  });

  const exec = (...flags: string[]): Promise<Ended> =>
    tazpod(owner, ['exec', ...vault.flags, ...flags, '--', 'touch', `${vault.mountPoint}/x`]);

  it('and that is damaged shows what e2fsck says with --debug, without what could paint on a terminal', async () => {
    must('tune2fs', ['-L', '\x1b[2Jlabel', vault.image]);
    for (const request of ['ssv state 0', 'sif <2> mode 0100755']) must('debugfs', ['-w', '-R', request, vault.image]);
    encipherElsewhere(vault);
    const quiet = await exec();
    expect(quiet.code, quiet.stderr).to.equal(65);
    expect(quiet.stderr).to.contain('The file system in the vault is damaged.').and.to.not.contain('INCONSISTENCY');
    const loud = await exec('--debug');
    expect(loud.stderr).to.contain('UNEXPECTED INCONSISTENCY').and.to.contain('\\u{1b}[2Jlabel');
    expect(loud.stderr).to.not.contain('\x1b[2Jlabel');
  });

  it('and that has features without a name is reported as newer, and not as damaged', async () => {
    const plain = readFileSync(vault.image);
    superblockIn(plain).writeUInt32LE(0x80000000, 0x60);
    writeFileSync(vault.image, plain);
    encipherElsewhere(vault);
    const refused = await exec();
    expect(refused.code).to.equal(65);
    expect(refused.stderr).to.contain('has features that this TazPod does not know').and.to.not.contain('damaged');
  });
});
