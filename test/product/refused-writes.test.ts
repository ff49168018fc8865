import {expect} from 'chai';
import {spawnSync} from 'node:child_process';
import {mkdtempSync, rmSync, statSync} from 'node:fs';
import {join} from 'node:path';
import {fuseForAll} from '../bed/fuse-for-all.ts';
import {atTheEnd} from '../bed/made-by.ts';
import {ownVault} from '../bed/own-vault.ts';
import {chownTo} from '../bed/ownership.ts';
import {runAs, startTazpod, tazpod} from '../bed/run.ts';
import type {BedUser} from '../bed/user.ts';
import {quickKdf, type TestVault} from '../bed/vault.ts';

const mebibyte = 2 ** 20;

/** Writes more than there is room for, and does not look whether it worked. */
const careless = 'head -c 6000000 /dev/urandom >~/secrets/lost; true';

describe('When the disk refuses what a session writes', function () {
  this.timeout(240_000);
  let owner: BedUser;
  let vault: TestVault;
  const mounted: string[] = [];

  before(async function () {
    ({owner, vault} = await ownVault(this));
  });

  afterEach(() => {
    for (const folder of mounted.splice(0).toReversed()) unmount(folder);
  });

  /** A sparse copy of the vault on a tmpfs with room for what is in it and for some more. Returns its flags. */
  function onFullDisk(): {flags: string[]; resize: (options: string) => void} {
    const folder = temporaryMount('tmpfs', `size=64M,mode=0700,uid=${owner.uid},gid=${owner.gid}`, 'tazpod-test');
    const image = join(folder, 'vault.img');
    expect(spawnSync('cp', ['--sparse=always', vault.image, image]).status).to.equal(0);
    chownTo(owner, image);
    const resize = (options: string) =>
      expect(spawnSync('mount', ['-o', `remount,${options}`, folder]).status).to.equal(0);
    resize(`size=${statSync(image).blocks * 512 + mebibyte}`);
    return {flags: ['--image', image, ...vault.flags.slice(2)], resize};
  }

  function temporaryMount(type: string, options: string, source: string): string {
    const folder = mkdtempSync('/opt/tazpod-refused-');
    mounted.push(folder);
    atTheEnd(() => unmount(folder));
    expect(spawnSync('mount', ['-t', type, '-o', options, source, folder]).status).to.equal(0);
    return folder;
  }

  for (const isolation of ['sealed', 'private'] as const) {
    it(`a ${isolation} session reports it at once, status says so, and the exit code is 74 though the program ended with 0`, async () => {
      const {flags, resize} = onFullDisk();
      const within = isolation === 'private' ? fuseForAll : [];
      const session = startTazpod(
        owner,
        ['exec', ...flags, '--isolation', isolation, '--', 'sh', '-c', `${careless}; sync; echo written; read -r _`],
        {within},
      );
      await session.seen(/The disk refused to store data of the vault\. It is full/);
      await session.seen(/^written/m);
      const status = await tazpod(owner, ['status', ...flags.slice(0, 2), '--json']);
      expect((JSON.parse(status.stdout) as {result: unknown}).result).to.have.nested.property('session.lostData', true);
      session.type('\n');
      const {code, stderr} = await session.ended;
      expect(code, stderr).to.equal(74);
      expect(stderr).to.match(/Next: df -h/);

      const again = await tazpod(owner, ['exec', ...flags, '--isolation', isolation, '--', 'true'], {within});
      expect(again.stderr).not.to.include('damaged');
      resize('size=64M');
      const opened = await tazpod(owner, ['exec', ...flags, '--isolation', isolation, '--', 'true'], {within});
      expect(opened.code, opened.stderr).to.equal(0);
      const calm = await tazpod(owner, ['exec', ...flags, '--isolation', isolation, '--', 'true'], {within});
      expect(calm.stderr).not.to.include('refused');
    });
  }

  it('the limits of the caller bind the session, and not the vault', async () => {
    // In a private session: sudo's own PAM modules may set others.
    const limited = ['prlimit', '--fsize=2097152:unlimited', '--cpu=600:unlimited', '--', 'tazpod'];
    const ask =
      'ulimit -Sf; ulimit -Hf; ulimit -St; head -c 1500000 /dev/urandom | dd of=$HOME/secrets/in conv=fsync status=none; echo $?';
    const {code, stdout, stderr} = await runAs(
      owner,
      [...limited, 'exec', ...vault.flags, '--isolation', 'private', '--', 'bash', '-c', ask],
      {within: fuseForAll},
    );
    expect(code, stderr).to.equal(0);
    expect(stdout).to.equal('2048\nunlimited\n600\n0\n');
  });

  it('btrfs overwrites the image in place, so that a full disk refuses nothing', async function () {
    const disk = join(temporaryMount('tmpfs', 'size=300M', 'tazpod-test'), 'disk');
    expect(spawnSync('truncate', ['--size=256M', disk]).status).to.equal(0);
    expect(spawnSync('mkfs.btrfs', ['--quiet', '--metadata', 'single', disk]).status).to.equal(0);
    const folder = temporaryMount('btrfs', 'loop', disk);
    chownTo(owner, folder);
    const flags = ['--image', join(folder, 'vault.img'), ...vault.flags.slice(2)];
    const passphrase = vault.flags.slice(4);
    const made = await tazpod(owner, [
      ...['vault', 'create', ...flags.slice(0, 2), ...passphrase, '--size', '64M', ...quickKdf],
    ]);
    expect(made.code, made.stderr).to.equal(0);
    expect(spawnSync('lsattr', [join(folder, 'vault.img')], {encoding: 'utf8'}).stdout).to.match(/^\S*C/);
    const copy = join(folder, 'copy.img');
    expect(spawnSync('cp', ['--reflink=never', join(folder, 'vault.img'), copy]).status).to.equal(0);
    chownTo(owner, copy);
    spawnSync('dd', ['if=/dev/urandom', `of=${folder}/filler`, 'bs=64K', 'status=none']);
    spawnSync('sync', ['-f', folder]);
    const write =
      'for i in 1 2; do dd if=/dev/urandom of=$HOME/secrets/f bs=1M count=12 conv=notrunc,fsync status=none || exit 1; done';
    const {code, stderr} = await tazpod(owner, ['exec', ...flags, '--', 'sh', '-c', write]);
    expect(code, stderr).to.equal(0);
    // The control: a copy that btrfs has made does not have the attribute.
    const control = await tazpod(owner, [
      'exec',
      '--image',
      copy,
      ...flags.slice(2),
      '--',
      'sh',
      '-c',
      `${write}; true`,
    ]);
    expect(control.code, control.stderr).to.equal(74);
  });
});

function unmount(folder: string): void {
  spawnSync('umount', ['--lazy', folder]);
  rmSync(folder, {recursive: true, force: true});
}
