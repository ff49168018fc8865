import {spawnSync} from 'node:child_process';
import {createHash, randomInt} from 'node:crypto';
import {chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync} from 'node:fs';
import {dirname, join} from 'node:path';
import {setTimeout as sleep} from 'node:timers/promises';
import {expect} from 'chai';
import type {BackupResult} from '../../src/vault/backup.ts';
import type {RestoreResult} from '../../src/vault/restore.ts';
import {whole} from '../../scripts/sample.js';
import {must} from '../bed/elsewhere.ts';
import {withOwnVault} from '../bed/own-vault.ts';
import {chownTo, writeAs} from '../bed/ownership.ts';
import {kill, processTree} from '../bed/process-tree.ts';
import {type Ended, type RunOptions, startTazpod, tazpod} from '../bed/run.ts';
import type {BedUser} from '../bed/user.ts';
import {quickKdf, type TestVault} from '../bed/vault.ts';

/** How often backups and restores are killed. */
const kills = Number(process.env['TAZPOD_TEST_KILLS'] ?? (whole ? 50 : 12));

describe('The backup of a vault', function () {
  this.timeout(600_000);
  let owner: BedUser;
  let vault: TestVault;
  let folder: string;
  let count = 0;

  withOwnVault((own) => ({owner, vault} = own));

  beforeEach(() => {
    folder = join(owner.home, `backups-${++count}`);
    mkdirSync(folder);
    chownTo(owner, folder);
  });

  const file = () => join(folder, 'vault.img');
  const exec = (command: string, image = vault.image) =>
    tazpod(owner, ['exec', '--image', image, ...withKey(), '--', 'sh', '-c', command]);
  const run = (words: readonly string[], options?: RunOptions) =>
    tazpod(owner, ['vault', ...words, '--image', vault.image], options);
  const withKey = () => ['--passphrase-file', vault.passphraseFile];
  // eslint-disable-next-line @typescript-eslint/no-unnecessary-type-parameters -- the command decides it
  const resultOf = <T extends BackupResult | RestoreResult>({stdout, stderr}: Ended): T => {
    expect(stdout, stderr).to.not.equal('');
    return (JSON.parse(stdout) as {result: T}).result;
  };
  const digest = (path: string) => createHash('sha256').update(readFileSync(path)).digest('hex');
  const expectEmpty = () => expect(readdirSync(folder)).to.deep.equal([]);

  it('is a file with the same bytes that was opened, and is restored beside the image that was there', async () => {
    expect((await exec('echo one >~/secrets/file')).code).to.equal(0);
    const made = await run(['backup', file(), ...withKey(), '--json']);
    expect(made.code, made.stderr).to.equal(0);
    const backup = resultOf<BackupResult>(made);
    expect(backup).to.deep.include({kind: 'image', file: file(), verified: ['digest', 'header', 'opened']});
    expect(backup.sha256).to.equal(digest(vault.image)).and.to.equal(digest(file()));
    expect(statSync(file()).mode & 0o777).to.equal(0o600);

    expect((await exec('echo two >~/secrets/file')).code).to.equal(0);
    const status = await tazpod(owner, ['status', '--image', vault.image]);
    expect(status.stdout).to.contain(`backup       just now, compared and opened: ${file()}`);

    const restored = await run(['restore', file(), ...withKey(), '--yes', '--json']);
    expect(restored.code, restored.stderr).to.equal(0);
    const {kept, preview} = resultOf<RestoreResult>(restored);
    expect(preview.backup.uuid).to.equal(backup.uuid).and.to.equal(preview.current?.uuid);
    expect(preview.backup.keySlots).to.deep.equal([0]);
    expect(preview.differences).to.deep.equal(['It is older than the image: what was changed since is not in it.']);
    expect(await exec('cat ~/secrets/file')).to.include({code: 0, stdout: 'one\n'});
    expect(await exec('cat ~/secrets/file', kept)).to.include({code: 0, stdout: 'two\n'});
    rmSync(kept!);
  });

  it('is compared only, and says so, where there is no key and nobody to ask', async () => {
    const {code, stdout, stderr} = await run(['backup', file()]);
    expect(code, stderr).to.equal(0);
    expect(stderr).to.contain('compared but not opened: no key was given');
    expect(stdout).to.contain('It was not opened.');
    expect(digest(file())).to.equal(digest(vault.image));
  });

  it('is made, with a warning, where it cannot be noted for the status', async () => {
    const state = join(owner.home, '.local/state/tazpod');
    rmSync(state, {recursive: true, force: true});
    mkdirSync(dirname(state), {recursive: true});
    writeFileSync(state, 'not a directory');
    const {code, stderr} = await run(['backup', file(), '--no-open']);
    rmSync(state);
    expect(code, stderr).to.equal(0);
    expect(stderr).to.contain('status will not know of it');
    expect(digest(file())).to.equal(digest(vault.image));
  });

  it('brings a vault back whose image is gone', async () => {
    expect((await run(['backup', file(), '--no-open'])).code).to.equal(0);
    const before = digest(vault.image);
    rmSync(vault.image);
    const restored = await run(['restore', file(), '--yes', ...withKey()]);
    expect(restored.code, restored.stderr).to.equal(0);
    expect(digest(vault.image)).to.equal(before);
  });

  it('is not restored unasked, and a dry run changes nothing', async () => {
    expect((await run(['backup', file(), '--no-open'])).code).to.equal(0);
    const before = readdirSync(dirname(vault.image));
    const refused = await run(['restore', file()]);
    expect(refused.code).to.equal(64);
    expect(refused.stdout).to.contain('key slot 0');
    expect(refused.stderr).to.match(/Next: tazpod vault restore .* --yes/);
    const dry = await run(['restore', file(), '--dry-run', '--json']);
    expect(dry.code, dry.stderr).to.equal(0);
    expect(resultOf<RestoreResult>(dry)).to.have.property('preview');
    expect(readdirSync(dirname(vault.image))).to.deep.equal(before);
  });

  it('is not made with a wrong passphrase, and leaves nothing', async () => {
    const {code, stderr} = await run(['backup', file(), '--passphrase-file', '-'], {stdin: 'wrong\n'});
    expect(code, stderr).to.equal(77);
    expectEmpty();
  });

  it('is not made of an open vault', async () => {
    const open = startTazpod(owner, ['exec', ...vault.flags, '--', 'sh', '-c', 'echo ready; cat']);
    await open.seen(/^ready$/m);
    const refused = await run(['backup', file()]);
    open.child.stdin!.end();
    expect((await open.ended).code).to.equal(0);
    expect(refused.code, refused.stderr).to.equal(75);
    expect(refused.stderr).to.contain('A vault cannot be backed up while it is open.');
    expectEmpty();
  });

  it('never replaces a file, nor the image, nor lies where sessions would hide it', async () => {
    writeFileSync(file(), 'mine');
    for (const [target, code] of [
      [file(), 73],
      [vault.image, 73],
      [join(vault.mountPoint, 'backup.img'), 64],
    ] as const) {
      const ended = await run(['backup', target]);
      expect(ended.code, ended.stderr).to.equal(code);
    }
    expect(readFileSync(file(), 'utf8')).to.equal('mine');
    expect(existsSync(join(vault.mountPoint, 'backup.img'))).to.equal(false);
  });

  it('is refused on a full disk and in a directory that cannot be written, and leaves nothing', async () => {
    must('mount', ['-t', 'tmpfs', '-o', `size=8M,uid=${owner.uid},mode=700`, 'tmpfs', folder]);
    try {
      const full = await run(['backup', file()]);
      expect(full.code, full.stderr).to.equal(73);
      expect(full.stderr).to.contain('The disk is full.');
      expectEmpty();
      must('mount', ['-o', 'remount,ro', folder]);
      const readOnly = await run(['backup', file()]);
      expect(readOnly.code, readOnly.stderr).to.equal(73);
      expect(readOnly.stderr).to.contain('The file system is read-only.');
    } finally {
      must('umount', [folder]);
    }
    chmodSync(folder, 0o500);
    const refused = await run(['backup', file()]);
    expect(refused.code, refused.stderr).to.equal(73);
    chmodSync(folder, 0o700);
    expectEmpty();
  });

  it('is made once if two are made at a time to one file', async () => {
    const both = await Promise.all([run(['backup', file()]), run(['backup', file()])]);
    const codes = both.map(({code}) => code).sort();
    expect(codes[0], both.map(({stderr}) => stderr).join()).to.equal(0);
    // It waits a second for the lock, and the other may be done by then.
    expect([73, 75]).to.include(codes[1]);
    expect(readdirSync(folder)).to.deep.equal(['vault.img']);
    expect(digest(file())).to.equal(digest(vault.image));
  });

  it('of the header alone is what cryptsetup restores, and brings a lost header back', async () => {
    const header = join(folder, 'vault.header');
    const made = await run(['backup', '--header', header]);
    expect(made.code, made.stderr).to.equal(0);
    expect(made.stderr).to.contain('passphrases of today');
    const theirs = join(folder, 'theirs');
    must('cryptsetup', ['luksHeaderBackup', vault.image, '--header-backup-file', theirs]);
    expect(digest(header)).to.equal(digest(theirs));

    expect((await run(['restore', header])).stderr).to.contain('is a backup of a header only');
    const before = digest(vault.image);
    writeFileSync(vault.image, Buffer.alloc(2 ** 20), {flag: 'r+'});
    expect((await exec('true')).code).to.equal(65);
    const restored = await run(['restore', '--header', header, '--yes']);
    expect(restored.code, restored.stderr).to.equal(0);
    expect(digest(vault.image)).to.equal(before);
    expect((await exec('true')).code).to.equal(0);

    const kept = readdirSync(dirname(vault.image)).filter((name) => name.includes('header-before-restore'));
    expect(kept).to.have.length(1);
    for (const name of kept) rmSync(join(dirname(vault.image), name));
  });

  it('of another vault’s header is refused', async () => {
    const other = join(folder, 'other.img');
    writeFileSync(other, '');
    must('truncate', ['--size', '32M', other]);
    must('cryptsetup', [
      'luksFormat',
      '-q',
      '--pbkdf=pbkdf2',
      '--pbkdf-force-iterations=1000',
      other,
      vault.passphraseFile,
    ]);
    const header = join(folder, 'other.header');
    must('cryptsetup', ['luksHeaderBackup', other, '--header-backup-file', header]);
    for (const path of [other, header]) chownTo(owner, path);
    const before = digest(vault.image);
    const refused = await run(['restore', '--header', header, '--yes']);
    expect(refused.code, refused.stderr).to.equal(65);
    expect(digest(vault.image)).to.equal(before);
  });

  it('of the header is restored whole or not at all, whenever the restore is killed', async () => {
    const header = join(folder, 'vault.header');
    expect((await run(['backup', '--header', header])).code).to.equal(0);
    const old = readFileSync(vault.image);
    const newer = writeAs(owner, join(folder, 'newer'), 'another passphrase\n');
    const changed = await run(['passwd', ...withKey(), '--new-passphrase-file', newer, ...quickKdf]);
    expect(changed.code, changed.stderr).to.equal(0);
    const now = readFileSync(vault.image);
    const words = ['restore', '--header', header, '--yes'];
    const first = await run(words);
    expect(first.code, first.stderr).to.equal(0);
    expect(readFileSync(vault.image).equals(old)).to.equal(true);
    const seen = new Set<boolean>();
    for (let round = 0; round < kills; round++) {
      writeFileSync(vault.image, now);
      const started = startTazpod(owner, ['vault', ...words, '--image', vault.image]);
      await sleep(randomInt(Math.ceil(1.2 * first.ms)));
      for (const each of processTree(started.pid)) kill(each);
      await started.ended;
      const image = readFileSync(vault.image);
      expect(image.equals(now) || image.equals(old), `round ${round}`).to.equal(true);
      seen.add(image.equals(old));
    }
    expect([...seen]).to.include(false);
    writeFileSync(vault.image, old);
    expect((await run(['backup', join(folder, 'last'), '--no-open'])).code).to.equal(0);
    for (const name of readdirSync(dirname(vault.image)).filter((each) => each !== 'vault.img')) {
      rmSync(join(dirname(vault.image), name));
    }
  });

  it(`that is killed, as a restore that is, leaves a whole file or none: ${kills} times`, async () => {
    const bytes = digest(vault.image);
    const first = await run(['backup', file(), '--no-open']);
    expect(first.code, first.stderr).to.equal(0);
    for (let round = 0; round < kills; round++) {
      const restores = round % 2 === 1;
      const words = restores ? ['restore', file(), '--yes'] : ['backup', join(folder, `killed-${round}`)];
      const started = startTazpod(owner, ['vault', ...words, '--no-open', '--image', vault.image]);
      await sleep(randomInt(Math.ceil(1.2 * first.ms)));
      for (const each of processTree(started.pid)) kill(each);
      await started.ended;
      for (const name of readdirSync(folder).filter((each) => !each.startsWith('.'))) {
        expect(digest(join(folder, name)), `round ${round}: ${name}`).to.equal(bytes);
        if (name !== 'vault.img') rmSync(join(folder, name));
      }
      for (const name of readdirSync(dirname(vault.image)).filter((each) => !each.startsWith('.'))) {
        expect(digest(join(dirname(vault.image), name)), `round ${round}: ${name}`).to.equal(bytes);
        if (name !== 'vault.img') rmSync(join(dirname(vault.image), name));
      }
    }
    // What they left is taken away by the next ones.
    expect((await run(['backup', join(folder, 'last'), '--no-open'])).code).to.equal(0);
    const last = await run(['restore', file(), '--yes', '--no-open', '--json']);
    rmSync(resultOf<RestoreResult>(last).kept!);
    for (const each of [folder, dirname(vault.image)]) {
      expect(readdirSync(each).filter((name) => name.startsWith('.'))).to.deep.equal([]);
    }
    expect((await exec('true')).code).to.equal(0);
    expect(spawnSync('cryptsetup', ['isLuks', vault.image]).status).to.equal(0);
  });
});
