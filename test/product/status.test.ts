import {spawn} from 'node:child_process';
import {once} from 'node:events';
import {mkdirSync} from 'node:fs';
import {join} from 'node:path';
import {expect} from 'chai';
import {initLabel} from '../../src/lifecycle/init-label.ts';
import {formatFileIdentity, identifyFile} from '../../src/kernel/file-identity.ts';
import {withOwnVault} from '../bed/own-vault.ts';
import {chownTo, writeAs} from '../bed/ownership.ts';
import {startAs, tazpod} from '../bed/run.ts';
import {openSession} from '../bed/session.ts';
import {type BedUser, makeUser} from '../bed/user.ts';
import {planVault, type TestVault} from '../bed/vault.ts';

type Told = {readonly status: number; readonly result: Record<string, unknown>; readonly warnings: readonly string[]};

describe('status and list', () => {
  let owner: BedUser;
  let vault: TestVault;

  withOwnVault((own) => ({owner, vault} = own));

  async function ask(user: BedUser, ...args: string[]): Promise<Told> {
    const {code, stdout, stderr} = await tazpod(user, [...args, '--json']);
    expect(code, stderr).to.equal(0);
    expect(stderr).to.equal('');
    return JSON.parse(stdout) as Told;
  }

  const status = (user = owner, image = vault.image) => ask(user, 'status', '--image', image);

  it('say absent, and how to make a vault', async () => {
    const {image} = planVault(owner);
    expect(await status(owner, image)).to.deep.equal({status: 0, result: {image, state: 'absent'}, warnings: []});
    const {stdout} = await tazpod(owner, ['status', '--image', image]);
    expect(stdout).to.match(/absent.*tazpod vault create/);
  });

  it('say locked, and how to open it', async () => {
    expect((await status()).result).to.deep.equal({image: vault.image, state: 'locked', sizeBytes: 32 * 2 ** 20});
    expect((await ask(owner, 'vault', 'list')).result).to.deep.equal([]);
    const {stdout} = await tazpod(owner, ['status', '--image', vault.image]);
    expect(stdout).to.match(/locked.*tazpod unlock/);
  });

  it('say open, with all there is to know, from outside', async () => {
    const startedMs = Date.now();
    const session = await openSession(vault);
    const {result} = await status();
    const {session: open, ...rest} = result as {session: Record<string, unknown>};
    expect(rest).to.deep.equal({image: vault.image, state: 'open', sizeBytes: 32 * 2 ** 20});
    expect(open).to.include({
      uuid: session.running.uuid,
      engine: 'fuse',
      isolation: 'sealed',
      mountPoint: vault.mountPoint,
      shells: 1,
    });
    // To a second, and /proc/stat has the boot time in seconds too.
    expect(Date.parse(String(open['since']))).to.be.within(startedMs - 2000, Date.now() + 2000);
    expect(open['pids']).to.be.an('array').that.is.not.empty;
    expect((await ask(owner, 'vault', 'list')).result).to.deep.equal([result]);
    const {stdout} = await tazpod(owner, ['vault', 'list']);
    expect(stdout)
      .to.include(vault.image)
      .and.to.match(/sealed/);
    await session.leave();
  });

  it('say open inside the ghost too', async () => {
    const session = await openSession(vault);
    const {output} = await session.ask(`tazpod status --image ${vault.image} --json`);
    expect((JSON.parse(output) as Told).result).to.include({state: 'open'});
    await session.leave();
  });

  it('find the vault of the directory, and of a directory above it', async () => {
    const below = join(vault.image, '../../some/where');
    mkdirSync(below, {recursive: true});
    chownTo(owner, below);
    const {stdout} = await tazpod(owner, ['status', '--json'], {cwd: below});
    expect((JSON.parse(stdout) as Told).result).to.include({image: vault.image, state: 'locked'});
  });

  it('are not led astray by what an old session has left in the environment and in the home', async () => {
    const env = {TAZPOD_GHOST_MODE: 'true', TMPDIR: `${vault.mountPoint}/.tazpod/tmp`};
    mkdirSync(join(owner.home, '.tazpod'), {recursive: true});
    writeAs(owner, join(owner.home, '.tazpod/state.json'), JSON.stringify({state: 'open', image: vault.image, pid: 1}));
    const {stdout} = await tazpod(owner, ['status', '--image', vault.image, '--json'], {env});
    expect((JSON.parse(stdout) as Told).result).to.include({state: 'locked'});
    const inside = await tazpod(owner, ['lock', '--image', vault.image], {env});
    expect(inside).to.include({code: 0, stdout: 'The vault was not open.\n'});
  });

  it('do not believe a process of the user that gives itself out as a sealed ghost', async () => {
    const [name, label] = initLabel({
      uuid: '00000000-0000-0000-0000-000000000000',
      engine: 'fuse',
      fileSystem: 'ext4',
      isolation: 'sealed',
      imageId: formatFileIdentity(identifyFile(vault.image)),
      image: vault.image,
      mountPoint: '/',
      uid: owner.uid,
    } as Parameters<typeof initLabel>[0]);
    // PID 1 of a namespace, with something mounted at its mount point: only its owner is wrong.
    const script = 'echo posing; read -r _';
    const inNamespaces = ['unshare', '--user', '--map-root-user', '--pid', '--fork', '--kill-child', '--mount-proc'];
    const poser = startAs(owner, [...inNamespaces, 'sh', '-c', script, name, label]);
    await poser.seen(/^posing$/m);
    expect((await status()).result).to.include({state: 'locked'});
    expect((await ask(owner, 'vault', 'list')).result).to.deep.equal([]);
    poser.type('\n');
    await poser.ended;
  });

  it('say busy of an image that somebody holds who cannot be seen', async () => {
    const holder = spawn('flock', [vault.image, 'sh', '-c', 'echo locked; read -r _'], {
      stdio: ['pipe', 'pipe', 'ignore'],
    });
    await once(holder.stdout, 'data');
    expect((await status()).result).to.deep.equal({image: vault.image, state: 'busy', sizeBytes: 32 * 2 ** 20});
    holder.stdin.end();
    await once(holder, 'exit');
  });

  it('list nobody else’s vaults, but all of them to root', async () => {
    const other = makeUser();
    const session = await openSession(vault);
    expect((await ask(other, 'vault', 'list')).result).to.deep.equal([]);
    const root: BedUser = {name: 'root', uid: 0, gid: 0, home: '/root', runtimeFolder: '/run'};
    const {result} = await ask(root, 'vault', 'list');
    expect((result as unknown as {image: string}[]).map(({image}) => image)).to.include(vault.image);
    await session.leave();
  });
});
