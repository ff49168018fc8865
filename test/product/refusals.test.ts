import {spawn, spawnSync} from 'node:child_process';
import {createHash, randomBytes} from 'node:crypto';
import {once} from 'node:events';
import {existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, truncateSync} from 'node:fs';
import {dirname, join} from 'node:path';
import {expect} from 'chai';
import {expectNothingLeft} from '../bed/leftovers.ts';
import {atTheEnd} from '../bed/made-by.ts';
import {makeOwner, needsRoot} from '../bed/owner.ts';
import {chownTo, writeAs} from '../bed/ownership.ts';
import {type RunOptions, tazpod} from '../bed/run.ts';
import {openSession} from '../bed/session.ts';
import {type BedUser, makeUser} from '../bed/user.ts';
import {makeVault, planVault, quickKdf, type TestVault} from '../bed/vault.ts';
import {forge, setPlace} from '../luks/forge.ts';

/** What is on disk of a vault: the bytes of its image, its inode, and everything beside it. */
function pictureOf(image: string): unknown {
  const folder = dirname(image);
  const file = statSync(image, {throwIfNoEntry: false});
  return {
    beside: existsSync(folder) ? readdirSync(folder) : [],
    image: file === undefined ? undefined : [file.ino, file.mode, file.uid, file.size, file.mtimeMs],
    bytes: file?.isFile() === true ? createHash('sha256').update(readFileSync(image)).digest('hex') : undefined,
  };
}

describe('A refusal', () => {
  let owner: BedUser;

  before(function () {
    needsRoot(this);
    owner = makeOwner();
  });

  type Expected = {
    readonly code: number;
    /** The sentence after `error:`. */
    readonly what: RegExp;
    /** What is anywhere behind it. */
    readonly also?: RegExp;
    readonly within?: readonly string[];
  };

  /** Tries to open the vault and expects one clear message, and nothing to have come of it. */
  async function expectRefused(
    vault: TestVault,
    {code, what, also, within}: Expected,
    flags = vault.flags,
  ): Promise<void> {
    const options: RunOptions = within === undefined ? {} : {within};
    const before = pictureOf(vault.image);
    const said = await tazpod(owner, ['exec', ...flags, '--', 'true'], options);
    expect({code: said.code, stdout: said.stdout}, said.stderr).to.deep.equal({code, stdout: ''});
    const errors = said.stderr.split('\n').filter((line) => line.startsWith('error:'));
    expect(errors, said.stderr).to.have.lengthOf(1);
    expect(errors[0]).to.match(what);
    if (also !== undefined) expect(said.stderr).to.match(also);
    // No stack, no path of the install, no word of a program that was called.
    expect(said.stderr).not.to.match(/\n\s+at |\/dist\/|\.js\b/);
    expect(pictureOf(vault.image)).to.deep.equal(before);
    await expectNothingLeft(vault);
  }

  /** An image of these bytes. */
  function imageOf(bytes: Buffer): TestVault {
    const vault = planVault(owner);
    writeAs(owner, vault.image, bytes);
    return vault;
  }

  it('of a wrong passphrase returns 77', async () => {
    const vault = await makeVault(owner);
    const wrong = writeAs(owner, join(owner.home, 'wrong'), `${vault.passphrase}x\n`);
    const flags = ['--image', vault.image, '--passphrase-file', wrong];
    await expectRefused(
      vault,
      {code: 77, what: /passphrase or key is wrong/, also: /does not open any key slot of \S+vault\.img/},
      flags,
    );
  });

  it('of a wrong key file returns 77', async () => {
    const vault = await makeVault(owner);
    // The newline is a byte of the key.
    const flags = ['--image', vault.image, '--key-file', vault.passphraseFile];
    await expectRefused(vault, {code: 77, what: /passphrase or key is wrong/}, flags);
  });

  it('of a key file that is not there returns 66', async () => {
    const vault = await makeVault(owner);
    const flags = ['--image', vault.image, '--key-file', join(owner.home, 'nowhere')];
    await expectRefused(vault, {code: 66, what: /no passphrase or key file at/}, flags);
  });

  it('of a missing image returns 66 and says how to make one', async () => {
    await expectRefused(planVault(owner), {code: 66, what: /no vault at/, also: /Next: tazpod vault create/});
  });

  for (const [name, bytes] of [
    ['random bytes', () => randomBytes(2 ** 20)],
    ['an empty file', () => Buffer.alloc(0)],
    ['a text', () => Buffer.from('not a vault\n')],
    ['zeros', () => Buffer.alloc(20 * 2 ** 20)],
  ] as const) {
    it(`of ${name} returns 65`, () =>
      expectRefused(imageOf(bytes()), {code: 65, what: /no LUKS2 vault|not a LUKS|no LUKS/i}));
  }

  it('of a LUKS1 image returns 65 and says which LUKS it is', async () => {
    const vault = imageOf(Buffer.alloc(4 * 2 ** 20));
    const args = [
      'luksFormat',
      '--type',
      'luks1',
      '--batch-mode',
      '--pbkdf-force-iterations',
      '1000',
      '--key-file',
      '-',
    ];
    expect(spawnSync('cryptsetup', [...args, vault.image], {input: vault.passphrase}).status).to.equal(0);
    await expectRefused(vault, {code: 65, what: /LUKS1/});
  });

  for (const [where, sizeBytes] of [
    ['in its header', 20_000],
    ['in its key slots', 2 ** 20],
    ['in its data', 24 * 2 ** 20],
  ] as const) {
    it(`of an image cut off ${where} returns 65`, async () => {
      const vault = await makeVault(owner);
      truncateSync(vault.image, sizeBytes);
      await expectRefused(vault, {code: 65, what: sizeBytes > 16 * 2 ** 20 ? /shorter than the file system/ : /./});
    });
  }

  it('of a header that selects a null cipher returns 65, before the passphrase is used', async () => {
    const vault = await makeVault(owner);
    const image = readFileSync(vault.image);
    const forged = forge(image, 'both copies', setPlace('segments.0.encryption', 'cipher_null-ecb'), {reseal: true});
    await expectRefused(imageOf(forged), {code: 65, what: /./, also: /no encryption|null/i});
  });

  it('of an image that belongs to another user returns 77, though it may be read and written', async () => {
    const vault = await makeVault(owner);
    const other = makeUser();
    chownTo(other, vault.image);
    spawnSync('chmod', ['0666', vault.image]);
    await expectRefused(vault, {code: 77, what: /image is refused: it belongs to another user/});
  });

  it('of a directory in the place of the image returns 77', async () => {
    const vault = planVault(owner);
    mkdirSync(vault.image);
    chownTo(owner, vault.image);
    await expectRefused(vault, {code: 77, what: /image/});
  });

  it('of a vault that is open returns 75 to who does not want to join', async () => {
    const vault = await makeVault(owner);
    const session = await openSession(vault);
    for (const cwd of [owner.home, '/']) {
      const second = await tazpod(owner, ['exec', ...vault.flags, '--no-join', '--', 'true'], {cwd});
      expect(second.code, second.stderr).to.equal(75);
      expect(second.stderr).to.match(/error: The vault is already open/);
    }
    expect((await session.ask('echo alive')).output).to.equal('alive\n');
    await session.leave();
    await expectNothingLeft(vault);
  });

  it('of a vault that is open in another container returns 75', async () => {
    const vault = await makeVault(owner);
    // All that is seen of a ghost in another container is its lock on the image.
    const inside = ['--mount', '--pid', '--fork', '--kill-child', '--mount-proc'];
    const container = spawn('unshare', [...inside, 'flock', vault.image, 'sh', '-c', 'echo locked; exec sleep 60'], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    try {
      await once(container.stdout, 'data');
      const before = pictureOf(vault.image);
      const {code, stderr} = await tazpod(owner, ['exec', ...vault.flags, '--wait', '0', '--', 'true']);
      expect(code, stderr).to.equal(75);
      expect(stderr).to.match(/error: Another process has the image of the vault locked\.[^]*in another container/);
      expect(pictureOf(vault.image)).to.deep.equal(before);
    } finally {
      container.kill('SIGKILL');
      await once(container, 'exit');
    }
    await expectNothingLeft(vault);
  });

  it('of a new vault on a full file system returns 73, and nothing of it stays', async () => {
    const folder = mkdtempSync('/run/tazpod-test-space-');
    const unmount = () => {
      spawnSync('umount', [folder]);
      rmSync(folder, {recursive: true, force: true});
    };
    atTheEnd(unmount);
    const options = `size=24M,mode=0700,uid=${owner.uid},gid=${owner.gid}`;
    expect(spawnSync('mount', ['-t', 'tmpfs', '-o', options, 'tazpod-test', folder]).status).to.equal(0);
    try {
      const {passphraseFile} = planVault(owner);
      const args = [
        '--image',
        join(folder, 'vault.img'),
        '--passphrase-file',
        passphraseFile,
        '--size',
        '32M',
        ...quickKdf,
      ];
      const {code, stderr, stdout} = await tazpod(owner, ['vault', 'create', ...args]);
      expect({code, stdout}, stderr).to.deep.equal({code: 73, stdout: ''});
      expect(stderr).to.match(/error: Not enough space/);
      expect(readdirSync(folder)).to.deep.equal([]);
      const free = spawnSync('stat', ['-f', '-c', '%f %b', folder], {encoding: 'utf8'}).stdout.trim().split(' ');
      expect(free[0]).to.equal(free[1]);
    } finally {
      unmount();
    }
  });

  it('where there is no /dev/fuse returns 69 and says so', async () => {
    const vault = await makeVault(owner);
    await expectRefused(vault, {code: 69, what: /./, also: /\/dev\/fuse/, within: withoutDevices(['fuse'])});
  });

  it('is reported as JSON too', async () => {
    const vault = planVault(owner);
    const {code, stdout, stderr} = await tazpod(owner, ['exec', '--json', ...vault.flags, '--', 'true']);
    expect({code, stdout}).to.deep.equal({code: 66, stdout: ''});
    expect(JSON.parse(stderr)).to.deep.equal({
      status: 66,
      error: {what: `There is no vault at ${vault.image}.`, next: `tazpod vault create --image ${vault.image}`},
      warnings: [],
    });
  });

  it('of a command that nobody gave returns 64, of one that is not there 127', async () => {
    const vault = await makeVault(owner);
    expect((await tazpod(owner, ['exec', ...vault.flags])).code).to.equal(64);
    expect((await tazpod(owner, ['exec', ...vault.flags, '--', 'no-such-program'])).code).to.equal(127);
    expect((await tazpod(owner, ['exec', ...vault.flags, '--', '/etc/passwd'])).code).to.equal(126);
    await expectNothingLeft(vault);
  });

  it('of a directory that is no home of the user’s returns 77: nothing is mounted outside', async () => {
    const vault = await makeVault(owner);
    const outside = mkdtempSync('/var/tmp/tazpod-test-outside-');
    chownTo(owner, outside);
    try {
      const flags = ['--image', vault.image, '--passphrase-file', vault.passphraseFile, '--mount-point', outside];
      const {code, stderr} = await tazpod(owner, ['exec', ...flags, '--', 'true']);
      expect(code, stderr).to.equal(77);
      expect(stderr).to.match(/mount point \S+ is not below your home directory/);
    } finally {
      rmSync(outside, {recursive: true});
    }
    await expectNothingLeft(vault);
  });
});

/** Enters a mount namespace whose /dev lacks these devices. */
function withoutDevices(names: readonly string[]): string[] {
  const script = `set -e
    mount -t tmpfs dev /mnt
    cp -a $(ls -d /dev/* | grep -vE '^/dev/(${names.join('|')}|shm|pts|mqueue|hugepages|loop.*|vd.*|sd.*|nvme.*)$') /mnt/
    mkdir /mnt/shm /mnt/pts
    mount --bind /dev/shm /mnt/shm
    mount --bind /dev/pts /mnt/pts
    mount --move /mnt /dev
    exec "$@"`;
  return ['unshare', '--mount', '--propagation', 'private', 'sh', '-c', script, 'sh'];
}
