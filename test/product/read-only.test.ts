import {createHash} from 'node:crypto';
import {chmodSync, chownSync, copyFileSync, mkdirSync, readFileSync, rmSync, statSync} from 'node:fs';
import {join} from 'node:path';
import {expect} from 'chai';
import type {JsonEnvelope} from '../../src/cli/base-command.ts';
import type {SessionResult} from '../../src/vault/session.ts';
import type {VaultState} from '../../src/vault/state.ts';
import {encipherElsewhere, mkfsElsewhere, must as onSystem} from '../bed/elsewhere.ts';
import {fuseForAll} from '../bed/fuse-for-all.ts';
import {expectNothingLeft} from '../bed/leftovers.ts';
import {makeOwner, needsRoot} from '../bed/owner.ts';
import {chownTo, writeAs} from '../bed/ownership.ts';
import {givePlugins} from '../bed/plugins.ts';
import {type Ended, type RunOptions, tazpod} from '../bed/run.ts';
import {openSession} from '../bed/session.ts';
import type {BedUser} from '../bed/user.ts';
import {makeVault, planVault, type TestVault} from '../bed/vault.ts';

/** In a mount namespace without loop devices, where fuse2fs mounts. */
const withoutLoops = [
  ...['unshare', '--mount', '--propagation', 'private', 'sh', '-c'],
  // A device that no driver has.
  'mount -t tmpfs none /mnt && mknod /mnt/none c 10 999 && mount --bind /mnt/none /dev/loop-control && exec "$@"',
  'sh',
];

const ways: Readonly<Record<string, {flags: readonly string[]; fileSystem: string; within?: readonly string[]}>> = {
  'sealed, by the kernel': {flags: ['--isolation', 'sealed'], fileSystem: 'ext4'},
  'sealed, by fuse2fs': {flags: ['--isolation', 'sealed'], fileSystem: 'fuse2fs', within: withoutLoops},
  private: {flags: ['--isolation', 'private'], fileSystem: 'fuse2fs', within: fuseForAll},
};

describe('A session that is read-only', function () {
  this.timeout(180_000);
  let owner: BedUser;
  let vault: TestVault;
  let original: readonly unknown[];

  before(async function () {
    needsRoot(this);
    owner = makeOwner();
    givePlugins(owner, 'tazpod-dotenv');
    const project = join(owner.home, 'project');
    mkdirSync(project);
    chownTo(owner, project);
    writeAs(owner, join(project, '.env'), 'TOKEN=hunter22-hunter22\n');
    writeAs(
      owner,
      join(project, 'secrets.yml'),
      'backends: {env: {type: dotenv, files: [.env]}}\nbackend: env\nsecrets: [{name: TOKEN, env: TOKEN}]\n',
    );
    vault = await makeVault(owner);
    await must(['pull', ...vault.flags, '--no-shell'], {cwd: project});
    await must([
      ...['exec', ...vault.flags, '--', 'sh', '-c'],
      'echo s3cret >~/secrets/kept; mkdir -p ~/secrets/full ~/secrets/.memory/agent; echo known >~/secrets/.memory/agent/it',
    ]);
  });

  beforeEach(() => {
    original = fingerprint();
  });

  afterEach(async () => {
    await expectNothingLeft(vault);
    expect(fingerprint()).to.deep.equal(original);
    chmodSync(vault.image, 0o600);
  });

  /** The bytes of the image, and when it was written last. */
  function fingerprint(image = vault.image): readonly unknown[] {
    const {size, mtimeNs} = statSync(image, {bigint: true});
    return [size, mtimeNs, createHash('sha256').update(readFileSync(image)).digest('hex')];
  }

  async function must(words: readonly string[], options: RunOptions = {}): Promise<Ended> {
    const ended = await tazpod(owner, words, options);
    expect(ended.code, ended.stderr).to.equal(0);
    return ended;
  }

  const read = (script: string, flags: readonly string[] = [], options: RunOptions = {}): Promise<Ended> =>
    tazpod(owner, ['exec', '--read-only', ...vault.flags, ...flags, '--', 'sh', '-c', script], options);

  for (const [way, {flags, fileSystem, within}] of Object.entries(ways)) {
    const options: RunOptions = within === undefined ? {} : {within};

    it(`gives what is in the vault, refuses every change with EROFS, and changes nothing of the image (${way})`, async () => {
      const {code, stdout, stderr} = await read(
        [
          'cat ~/secrets/kept',
          'cd ~/secrets; for change in "touch new" "rm kept" "mv kept other" "chmod 600 kept" "mkdir directory" ' +
            '"ln kept link" "truncate -s 0 kept" "touch -d 2001-01-01 kept"; do $change && echo "changed by $change"; done',
          'tazpod status --json | tr -d " \\n"',
        ].join('; '),
        flags,
        options,
      );
      expect(code, stderr).to.equal(0);
      expect(stdout).to.match(/^s3cret\n\{/);
      const state = JSON.parse(stdout.slice('s3cret\n'.length)) as JsonEnvelope<VaultState>;
      expect(state.result!.session).to.deep.include({readOnly: true, fileSystem});
      expect(stderr.match(/Read-only file system/g), stderr).to.have.length(8);
      expect(stderr).to.not.contain('warning');
    });

    it(`keeps temporary files and histories in memory, and has the pulled variables (${way})`, async () => {
      const script = 'df --output=fstype "$TMPDIR" | tail -1; echo x >"$TMPDIR/x" && echo "$HISTFILE"; echo "$TOKEN"';
      const {stdout, stderr} = await read(`${script}; echo y >"$HISTFILE" && tazpod get TOKEN`, flags, options);
      expect(stdout, stderr).to.equal('tmpfs\n/dev/shm/.tazpod-history\nhunter22-hunter22\nhunter22-hunter22');
    });

    it(`opens an image that its owner may only read, which otherwise is refused with the command (${way})`, async () => {
      chmodSync(vault.image, 0o400);
      const refused = await tazpod(owner, ['exec', ...vault.flags, ...flags, '--', 'true'], options);
      expect(refused.code).to.equal(77);
      expect(refused.stderr).to.contain(`error: The image at ${vault.image} is not writable.`);
      const [, next] = /^ {2}Next: tazpod (.*)$/m.exec(refused.stderr) ?? [];
      expect(next).to.equal(`vault unlock --read-only --image ${vault.image}`);
      const words = [...next!.split(' '), ...vault.flags.slice(2), ...flags];
      const {code, stdout, stderr} = await tazpod(owner, words, {...options, stdin: 'cat ~/secrets/kept\n'});
      expect({code, stdout}, stderr).to.deep.equal({code: 0, stdout: 's3cret\n'});
    });
  }

  it('opens an image on a read-only file system, which otherwise is refused with the command', async () => {
    const within = [
      ...['unshare', '--mount', '--propagation', 'private', 'sh', '-c'],
      `mount --bind ${owner.home} ${owner.home} && mount --bind $(dirname ${vault.image}) $(dirname ${vault.image}) && ` +
        `mount -o remount,bind,ro $(dirname ${vault.image}) && exec "$@"`,
      'sh',
    ];
    const refused = await tazpod(owner, ['exec', ...vault.flags, '--', 'true'], {within});
    expect(refused.code).to.equal(77);
    expect(refused.stderr).to.contain('is not writable.').and.to.contain('It is on a read-only file system');
    expect(refused.stderr).to.contain(`Next: tazpod vault unlock --read-only --image ${vault.image}`);
    const {code, stdout, stderr} = await read('cat ~/secrets/kept', [], {within});
    expect({code, stdout}, stderr).to.deep.equal({code: 0, stdout: 's3cret\n'});
  });

  it('is named so by the steps, by status and list, and by the answer in JSON', async () => {
    const session = await openSession(vault, ['--read-only']);
    expect(session.unlock.stderr()).to.contain('Attach the encrypted device: fuse, read-only');
    expect(session.unlock.stderr()).to.match(/Mount the vault: by the kernel, read-only/);
    for (const command of [
      ['status', '--image', vault.image],
      ['vault', 'list'],
    ]) {
      expect((await must(command)).stdout).to.match(/^state +open, read-only$/m);
    }
    await session.leave();
    const {stderr} = await tazpod(owner, ['exec', '--read-only', ...vault.flags, '--json', '--', 'true']);
    expect((JSON.parse(stderr) as JsonEnvelope<SessionResult>).result).to.include({code: 0, readOnly: true});
  });

  it('is joined by others that are read-only, and by none that would write', async () => {
    const session = await openSession(vault, ['--read-only']);
    const joined = await read('cat ~/secrets/kept; touch ~/secrets/new');
    expect(joined.stdout).to.equal('s3cret\n');
    expect(joined.stderr).to.contain('Read-only file system');
    const writing = await tazpod(owner, ['exec', ...vault.flags, '--', 'true']);
    expect(writing.code).to.equal(75);
    expect(writing.stderr).to.contain('error: The vault is open read-only.').and.to.contain('Next: tazpod vault lock');
    // Whose owner may only read it can lock it all the same.
    chmodSync(vault.image, 0o400);
    await must(['lock', '--image', vault.image]);
    expect((await session.unlock.ended).code).to.equal(79);
  });

  it('does not join one that can write', async () => {
    const copy = await makeVault(owner);
    const session = await openSession(copy);
    const words = ['exec', '--read-only', ...copy.flags, '--', 'true'];
    const refused = await tazpod(owner, words);
    expect(refused.code).to.equal(75);
    expect(refused.stderr).to.contain('error: The vault is open for writing.');
    expect((await session.ask('tazpod exec --read-only -- true')).code).to.equal(64);
    await session.leave();
    const again = await openSession(copy, ['--isolation', 'private'], {within: fuseForAll});
    const apart = await tazpod(owner, [...words.slice(0, 2), '--isolation', 'private', ...words.slice(2)], {
      within: fuseForAll,
    });
    expect(apart.code, apart.stderr).to.equal(75);
    expect(apart.stderr).to.contain('error: The vault is open for writing.');
    await again.leave();
    await expectNothingLeft(copy);
  });

  it('refuses the commands that write into the vault, with the reason and the way out', async () => {
    const session = await openSession(vault, ['--read-only'], {cwd: join(owner.home, 'project')});
    for (const command of ['pull', 'sync', 'login', 'logout', 'secrets diff', 'env --trust']) {
      const {code, output} = await session.ask(`tazpod ${command}`);
      expect(code, `${command}: ${output}`).to.equal(64);
      expect(output)
        .to.contain('which is open read-only.')
        .and.to.match(/Next: exit$/m);
    }
    expect((await session.ask('tazpod secrets list')).output).to.match(/TOKEN/);
    for (const command of ['vault adopt --yes', 'vault absorb', `vault create --image ~/n.img`]) {
      expect((await session.ask(`tazpod ${command} --passphrase-file ${vault.passphraseFile}`)).code).to.be.oneOf([
        64, 75,
      ]);
    }
    await session.leave();
  });

  it('has the directories of the home that live in the vault, and moves nothing into it', async () => {
    const config = join(owner.home, '.config/tazpod');
    mkdirSync(config, {recursive: true});
    writeAs(
      owner,
      join(config, 'config.yaml'),
      'bridges:\n  - {home: .agent, vault: .memory/agent}\n  - {home: .other, vault: other}\n  - {home: .full, vault: full}\n',
    );
    for (const name of ['.agent', '.other', '.full']) {
      mkdirSync(join(owner.home, name), {recursive: true, mode: 0o700});
      chownTo(owner, join(owner.home, name));
    }
    writeAs(owner, join(owner.home, '.full/outside'), 'outside\n');
    try {
      const {code, stdout, stderr} = await read('cat ~/.agent/it ~/.full/outside; touch ~/.agent/new');
      expect({code, stdout}, stderr).to.deep.equal({code: 1, stdout: 'known\noutside\n'});
      expect(stderr).to.contain("touch: cannot touch '");
      expect(stderr).to.match(
        /~\/\.other is not bridged, .*: the vault is open read-only, and has no such directory yet\./,
      );
      expect(stderr).to.match(
        /~\/\.full is not bridged, .*: the vault is open read-only, and nothing can be moved into it\./,
      );
      expect(readFileSync(join(owner.home, '.full/outside'), 'utf8')).to.equal('outside\n');
    } finally {
      rmSync(config, {recursive: true});
      for (const name of ['.agent', '.other', '.full']) rmSync(join(owner.home, name), {recursive: true});
    }
  });

  describe('of a vault that was not closed cleanly', () => {
    /** It is refused and stays as it was; the command that the refusal names fixes it; then it is opened. */
    async function expectMendedFirst(other: TestVault, flags: readonly string[], options: RunOptions = {}) {
      const key = [...other.flags.slice(2), ...flags];
      const look = (): Promise<Ended> =>
        tazpod(owner, ['exec', '--read-only', ...other.flags, ...flags, '--', 'ls', other.mountPoint], options);
      const unclean = fingerprint(other.image);
      const refused = await look();
      expect(refused.code, refused.stderr).to.equal(65);
      expect(refused.stderr).to.contain('error: The vault was not closed cleanly, and cannot be opened read-only.');
      expect(fingerprint(other.image)).to.deep.equal(unclean);
      const [, next] = /^ {2}Next: tazpod (vault exec .*) -- true$/m.exec(refused.stderr) ?? [];
      await must([...next!.split(' '), ...key, '--', 'true'], options);
      const opened = await look();
      expect(opened.code, opened.stderr).to.equal(0);
      expect(opened.stdout).to.contain('synced');
      await expectNothingLeft(other);
    }

    it('is refused where the journal has something to replay', async () => {
      const other = await makeVault(owner);
      const session = await openSession(other);
      await session.ask('echo kept >~/secrets/synced; sync ~/secrets/synced; echo more >~/secrets/more; sync');
      // What the disk has at this moment, as after a power cut.
      const folder = join(owner.home, 'cut');
      mkdirSync(folder);
      const image = join(folder, 'vault.img');
      copyFileSync(other.image, image);
      for (const path of [folder, image]) chownTo(owner, path);
      const cut = {...other, image, flags: ['--image', image, ...other.flags.slice(2)]};
      await session.leave();
      await expectMendedFirst(cut, []);
      rmSync(folder, {recursive: true});
    });

    it('is refused where e2fsck would fix something', async () => {
      const other = planVault(owner);
      mkfsElsewhere(other, ['-E', `root_owner=${owner.uid}:${owner.gid}`]);
      const requests = ['mkdir synced', 'sif <2> links_count 9', 'ssv state 0'];
      for (const request of requests) onSystem('debugfs', ['-w', '-R', request, other.image]);
      encipherElsewhere(other);
      await expectMendedFirst(other, ['--isolation', 'private'], {within: fuseForAll});
    });
  });

  it('opens no image of another user, as root’s on a medium, and says how it is opened', async () => {
    chownSync(vault.image, 0, 0);
    chmodSync(vault.image, 0o444);
    try {
      for (const flags of [['--read-only'], []]) {
        const refused = await tazpod(owner, ['exec', ...vault.flags, ...flags, '--', 'true']);
        expect(refused.code).to.equal(77);
        expect(refused.stderr).to.contain('The image is refused: it belongs to another user.');
        expect(refused.stderr).to.contain(`Next: cp ${vault.image} ~/copy.img && tazpod vault unlock`);
      }
    } finally {
      chownTo(owner, vault.image);
    }
  });

  it('never creates a vault', async () => {
    const words = ['--read-only', '--image', join(owner.home, 'none.img'), '--passphrase-file', vault.passphraseFile];
    expect((await tazpod(owner, ['unlock', ...words])).code).to.equal(66);
    expect((await tazpod(owner, ['unlock', '--create', ...words])).code).to.equal(64);
  });
});
