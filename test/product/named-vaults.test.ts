import {mkdirSync, realpathSync, rmSync} from 'node:fs';
import {join} from 'node:path';
import {expect} from 'chai';
import {withOwnVault} from '../bed/own-vault.ts';
import {chownTo, writeAs} from '../bed/ownership.ts';
import {type RunOptions, tazpod} from '../bed/run.ts';
import {openSession} from '../bed/session.ts';
import type {BedUser} from '../bed/user.ts';
import {makeVault, type TestVault} from '../bed/vault.ts';

describe('A vault with a name', () => {
  let owner: BedUser;
  let vault: TestVault;
  let other: TestVault;
  let elsewhere: string;

  withOwnVault((own) => ({owner, vault} = own));

  before(async () => {
    other = await makeVault(owner);
    elsewhere = join(owner.home, 'elsewhere');
    mkdirSync(elsewhere);
    chownTo(owner, elsewhere);
  });

  afterEach(() => {
    for (const path of ['.config/tazpod/vaults', '.config/tazpod/config.yaml']) {
      rmSync(join(owner.home, path), {recursive: true, force: true});
    }
  });

  const key = () => ['--passphrase-file', vault.passphraseFile];

  async function succeed(args: readonly string[], options: RunOptions = {}): Promise<string> {
    const {code, stdout, stderr} = await tazpod(owner, args, {cwd: elsewhere, ...options});
    expect(code, stderr).to.equal(0);
    return stdout;
  }

  async function result(args: readonly string[]): Promise<unknown> {
    return (JSON.parse(await succeed([...args, '--json'])) as {result: unknown}).result;
  }

  const shown = [
    '--',
    'sh',
    '-c',
    'findmnt --list --noheadings --output TARGET --types ext4,fuse.fuse2fs | grep "^$HOME/"',
  ];

  it('is opened by it in any directory, at a mount point of its own', async () => {
    const mountPoint = join(owner.home, '.agents');
    await succeed(['vault', 'add', 'agents', vault.image, '--mount-point', mountPoint]);
    expect((await succeed(['exec', '--vault', 'agents', ...key(), ...shown])).trim()).to.equal(mountPoint);
    const flag = ['--mount-point', join(owner.home, 'by-flag')];
    expect((await succeed(['exec', '--vault', 'agents', ...key(), ...flag, ...shown])).trim()).to.equal(flag[1]);
  });

  it('is the one of the directory if none is named to "vault add", and keeps its name', async () => {
    const cwd = realpathSync(join(vault.image, '../..'));
    const said = await succeed(['vault', 'add', 'work'], {cwd});
    expect(said).to.equal(`From now on, work is ${vault.image}.\n  Next: tazpod unlock --vault work\n`);
    expect(await succeed(['vault', 'add', 'work'], {cwd})).to.match(/^As before/);
    const taken = await tazpod(owner, ['vault', 'add', 'work', other.image]);
    expect(taken.code).to.equal(73);
    expect(taken.stderr).to.match(/belongs to .*vault\.img.*Next: tazpod vault forget work/s);
  });

  it('is listed with its name: locked, open, and absent where the image is gone', async () => {
    await succeed(['vault', 'add', 'work', vault.image]);
    await succeed(['vault', 'add', 'gone', join(elsewhere, 'gone.img')]);
    const absent = {name: 'gone', image: join(elsewhere, 'gone.img'), state: 'absent'};
    const named = {name: 'work', image: vault.image, sizeBytes: 32 * 2 ** 20};
    expect(await result(['vault', 'list'])).to.deep.equal([absent, {...named, state: 'locked'}]);
    expect(await result(['status', '--vault', 'work'])).to.deep.include({...named, state: 'locked'});
    expect(await succeed(['vault', 'list'])).to.match(
      /^name +work\n(.*\n)*state +locked\..*tazpod unlock --vault work$/m,
    );
    const session = await openSession(vault);
    expect(await result(['vault', 'list'])).to.have.nested.property('[0].state', 'open');
    expect(await result(['vault', 'list'])).to.have.nested.property('[0].name', 'work');
    await succeed(['lock', '--vault', 'work']);
    expect((await session.unlock.ended).code).to.equal(79);
  });

  it('is meant by default where no directory has a vault and nothing names one', async () => {
    await succeed(['vault', 'add', 'agents', vault.image, '--mount-point', join(owner.home, '.agents')]);
    writeAs(owner, join(owner.home, '.config/tazpod/config.yaml'), 'default-vault: agents\n');
    expect((await succeed(['exec', ...key(), ...shown])).trim()).to.equal(join(owner.home, '.agents'));
    const near = await succeed(['status', '--json'], {cwd: join(other.image, '../..')});
    expect(JSON.parse(near)).to.have.nested.property('result.image', other.image);
    const create = await tazpod(owner, ['vault', 'create', '--passphrase-file', '/nonexistent'], {cwd: elsewhere});
    expect(create.stderr).to.include('/nonexistent');
  });

  it('that is not known is refused with the names that are, before anything is asked', async () => {
    await succeed(['vault', 'add', 'work', vault.image]);
    for (const command of [['unlock'], ['lock'], ['status'], ['exec', '--', 'true']]) {
      const [name, ...rest] = command;
      const {code, stderr} = await tazpod(owner, [name!, '--vault', 'wrok', ...rest]);
      expect(code, stderr).to.equal(66);
      expect(stderr).to.match(/no vault with the name "wrok".*The names are: work/s);
    }
  });

  it('is refused in the ghost of another one, and right in its own', async () => {
    await succeed(['vault', 'add', 'work', vault.image]);
    await succeed(['vault', 'add', 'other', other.image]);
    const session = await openSession(vault);
    expect((await session.ask('tazpod exec --vault work -- echo in')).output.trim()).to.equal('in');
    const {output} = await session.ask('tazpod exec --vault other -- echo in; echo $?');
    expect(output.trim().split('\n').at(-1)).to.equal('64');
    await session.leave();
  });

  it('is forgotten, and not touched by that', async () => {
    await succeed(['vault', 'add', 'work', vault.image]);
    expect(await succeed(['vault', 'forget', 'work'])).to.match(/The vault itself was not changed/);
    expect((await tazpod(owner, ['unlock', '--vault', 'work'])).code).to.equal(66);
    expect(await succeed(['exec', ...vault.flags, '--', 'echo', 'there'])).to.equal('there\n');
  });
});
