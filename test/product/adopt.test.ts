import {linkSync, lstatSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {expect} from 'chai';
import type {AdoptResult} from '../../src/vault/adopt.ts';
import {encipherElsewhere, mkfsElsewhere, must} from '../bed/elsewhere.ts';
import {fuseForAll} from '../bed/fuse-for-all.ts';
import {expectNothingLeft} from '../bed/leftovers.ts';
import {makeOwner, needsRoot} from '../bed/owner.ts';
import {type Ended, tazpod} from '../bed/run.ts';
import type {BedUser} from '../bed/user.ts';
import {planVault, type TestVault} from '../bed/vault.ts';

/** An account of the machine on which the vault was filled. */
const foreign = 12_345;

describe('a vault that another account has filled', function () {
  this.timeout(300_000);
  let owner: BedUser;
  let folder = '';
  let outside: string;
  let directory: string;

  before(function () {
    needsRoot(this);
    owner = makeOwner();
    folder = mkdtempSync(join(tmpdir(), 'tazpod-adopt-'));
    outside = join(owner.home, 'of-root');
    writeFileSync(outside, 'not the vault’s');
    directory = join(owner.home, 'directory-of-root');
    mkdirSync(directory);
    writeFileSync(join(directory, 'file'), 'nor this');
  });

  after(() => {
    if (folder !== '') rmSync(folder, {recursive: true, force: true});
  });

  /** The vault with everything in it that a file system can have, of the other account. */
  function fill(): TestVault {
    const files = join(folder, 'files');
    rmSync(files, {recursive: true, force: true});
    mkdirSync(join(files, 'deep/deeper'), {recursive: true});
    writeFileSync(join(files, 'deep/deeper/secret'), 's3cret\n', {mode: 0o600});
    linkSync(join(files, 'deep/deeper/secret'), join(files, 'second-name'));
    writeFileSync(Buffer.concat([Buffer.from(join(files, 'deep/')), Buffer.from([0xff, 0x80])]), 'no text');
    symlinkSync(outside, join(files, 'link'));
    symlinkSync(directory, join(files, 'deep/link-to-directory'));
    must('mkfifo', [join(files, 'fifo')]);
    must('chown', ['-hR', `${foreign}:${foreign}`, files]);
    must('mknod', [join(files, 'device'), 'c', '1', '3']);
    const vault = planVault(owner);
    mkfsElsewhere(vault, ['-E', `root_owner=${foreign}:${foreign}`, '-d', files]);
    must('debugfs', ['-w', '-R', 'sif <2> mode 040700', vault.image]);
    encipherElsewhere(vault);
    return vault;
  }

  const exec = (vault: TestVault, command: string, ...flags: string[]): Promise<Ended> =>
    tazpod(owner, ['exec', ...vault.flags, ...flags, '--', 'sh', '-c', command], {within: fuseForAll});
  const adopt = (vault: TestVault, ...flags: string[]): Promise<Ended> =>
    tazpod(owner, ['vault', 'adopt', '--image', vault.image, '--passphrase-file', vault.passphraseFile, ...flags], {
      within: fuseForAll,
    });
  const resultOf = ({stdout, stderr}: Ended): AdoptResult => {
    expect(stdout, stderr).to.not.equal('');
    return (JSON.parse(stdout) as {result: AdoptResult}).result;
  };

  it('is refused with the reason and the command, is adopted, and is the user’s from then on', async () => {
    const vault = fill();
    const refused = await exec(vault, 'true');
    expect(refused.code).to.equal(77);
    expect(refused.stderr).to.contain(`The files in the vault belong to another account, uid ${foreign}.`);
    expect(refused.stderr).to.contain(`You are uid ${owner.uid} here`);
    expect(refused.stderr).to.contain(`Next: tazpod vault adopt --image ${vault.image}`);
    expect(refused.stderr).to.not.match(/^ +at |node:|EACCES/m);

    const unasked = await adopt(vault);
    expect(unasked.code).to.equal(64);
    expect(unasked.stderr).to.contain(`Next: tazpod vault adopt --image ${vault.image} --yes`);
    expect((await exec(vault, 'true')).code).to.equal(77);

    // Two directories below the top, a file with two names, one without text, two links, a pipe, and the top itself.
    const {changed, left} = resultOf(await adopt(vault, '--yes', '--json'));
    expect({changed, left}).to.deep.equal({changed: 8, left: 1});
    await expectNothingLeft(vault);

    const listed = await exec(
      vault,
      'cd ~/secrets && find . -path ./.tazpod -prune -o -printf "%U:%G %y\\n" | sort -u',
    );
    const own = `${owner.uid}:${owner.gid}`;
    expect(listed.stdout, listed.stderr).to.equal(
      [`${own} d`, `${own} f`, `${own} l`, `${own} p`, '0:0 c'].sort().join('\n') + '\n',
    );
    const written = await exec(vault, 'cat ~/secrets/second-name && echo more >~/secrets/deep/deeper/secret');
    expect(written.stdout, written.stderr).to.equal('s3cret\n');
    // Where the links lead, nothing has changed.
    const beyond = [outside, directory, join(directory, 'file')];
    expect(beyond.map((path) => lstatSync(path).uid)).to.deep.equal([0, 0, 0]);

    expect(resultOf(await adopt(vault, '--yes', '--json'))).to.deep.include({changed: 0, left: 1});
    await expectNothingLeft(vault);
  });

  it('opens with a warning where it is root’s and can be read: plain mkfs.ext4, which adopt makes writable', async () => {
    const vault = planVault(owner);
    mkfsElsewhere(vault, []);
    encipherElsewhere(vault);
    const opened = await exec(vault, 'ls ~/secrets; touch ~/secrets/x');
    expect(opened.code).to.equal(1);
    expect(opened.stderr).to.contain('The top directory of the vault belongs to root');
    expect(opened.stderr).to.contain(`tazpod vault adopt --image ${vault.image}`);
    expect(await adopt(vault, '--yes')).to.deep.include({
      code: 0,
      stdout: `Changed the owner of 1 entry in ${vault.image}.\n`,
    });
    const again = await exec(vault, 'touch ~/secrets/x');
    expect([again.code, again.stderr]).to.deep.equal([0, '']);
  });

  it('cannot be adopted without root, as adopt reports before it reads the passphrase', async () => {
    const vault = fill();
    const refused = await adopt(vault, '--yes', '--isolation', 'private');
    expect(refused.code).to.equal(69);
    expect(refused.stderr).to.contain('Only root can change the owner of the files in a vault.');
    const opened = await exec(vault, 'true', '--isolation', 'private');
    expect(opened.code).to.equal(77);
    expect(opened.stderr).to.not.match(/^ +at /m);
  });
});
