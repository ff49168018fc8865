import {copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {expect} from 'chai';
import {encipherElsewhere, mkfsElsewhere, must} from '../bed/elsewhere.ts';
import {expectNothingLeft} from '../bed/leftovers.ts';
import {makeOwner, needsRoot} from '../bed/owner.ts';
import {runAs, tazpod} from '../bed/run.ts';
import type {BedUser} from '../bed/user.ts';
import {makeVault, planVault, type TestVault} from '../bed/vault.ts';

const argon2id = ['--pbkdf', 'argon2id', '--pbkdf-memory', '32768', '--pbkdf-force-iterations', '4'];
const pbkdf2 = ['--pbkdf', 'pbkdf2', '--pbkdf-force-iterations', '1000'];
const foreign = [
  {name: 'argon2id and sectors of 512 bytes', options: [...argon2id, '--sector-size', '512']},
  {name: 'pbkdf2 and sectors of 4096 bytes', options: [...pbkdf2, '--sector-size', '4096']},
  {name: 'the passphrase in key slot 5', options: [...pbkdf2, '--key-slot', '5']},
  {name: 'a key of 256 bits', options: [...pbkdf2, '--key-size', '256']},
];

describe('An image that plain cryptsetup made, filled elsewhere', () => {
  let owner: BedUser;
  let folder: string;
  let content: Buffer;

  before(function () {
    needsRoot(this);
    owner = makeOwner();
    folder = mkdtempSync(join(tmpdir(), 'tazpod-foreign-'));
    content = Buffer.from(Array.from({length: 3_000_017}, (_, index) => (index * 2_654_435_761) >>> 24));
    mkdirSync(join(folder, 'files/deep'), {recursive: true});
    writeFileSync(join(folder, 'files/deep/content'), content);
    writeFileSync(join(folder, 'files/naïve name'), 'text\n');
    must('chown', ['-R', `${owner.uid}:${owner.gid}`, join(folder, 'files')]);
  });

  after(() => {
    rmSync(folder, {recursive: true, force: true});
  });

  /** A file system made by mke2fs alone, then enciphered in place by cryptsetup alone: no engine of ours had it. */
  function fillElsewhere(vault: TestVault, options: readonly string[]): void {
    mkfsElsewhere(vault, ['-E', `root_owner=${owner.uid}:${owner.gid}`, '-d', join(folder, 'files')]);
    encipherElsewhere(vault, options);
  }

  for (const {name, options} of foreign) {
    it(`opens and reads right: ${name}`, async () => {
      const vault = planVault(owner);
      fillElsewhere(vault, options);
      const read = 'cat ~/secrets/deep/content | sha256sum; cat ~/secrets/na*; echo more > ~/secrets/added';
      const first = await tazpod(owner, ['exec', ...vault.flags, '--', 'sh', '-c', read]);
      expect(first.code, first.stderr).to.equal(0);
      const {stdout: expected} = await runAs(owner, ['sha256sum'], {stdin: content});
      expect(first.stdout).to.equal(`${expected}text\n`);
      const second = await tazpod(owner, ['exec', ...vault.flags, '--', 'cat', `${owner.home}/secrets/added`]);
      expect(second.stdout, second.stderr).to.equal('more\n');
      await expectNothingLeft(vault);
    });
  }

  it('is what a vault of ours is, too: plain cryptsetup deciphers it and debugfs reads it', async () => {
    const vault = await makeVault(owner);
    const fill = 'mkdir ~/secrets/deep && cat > ~/secrets/deep/content';
    const filled = await tazpod(owner, ['exec', ...vault.flags, '--', 'sh', '-c', fill], {stdin: content});
    expect(filled.code, filled.stderr).to.equal(0);
    const copy = join(folder, 'deciphered');
    copyFileSync(vault.image, copy);
    must(
      'cryptsetup',
      [
        ...['reencrypt', '--batch-mode', '--decrypt', '--force-offline-reencrypt', '--key-file', '-'],
        ...['--header', join(folder, 'header'), copy],
      ],
      vault.passphrase,
    );
    must('e2fsck', ['-f', '-n', copy]);
    must('debugfs', ['-R', `dump /deep/content ${join(folder, 'dumped')}`, copy]);
    expect(readFileSync(join(folder, 'dumped')).equals(content)).to.be.true;
  });
});
