import {existsSync, mkdirSync} from 'node:fs';
import {dirname, join} from 'node:path';
import {expect} from 'chai';
import {isLocked} from '../../src/kernel/file-lock.ts';
import {expectNothingLeft} from '../bed/leftovers.ts';
import {ownVault} from '../bed/own-vault.ts';
import {chownTo, writeAs} from '../bed/ownership.ts';
import {openSession, type TestSession} from '../bed/session.ts';
import type {BedUser} from '../bed/user.ts';
import {makeVault, type TestVault} from '../bed/vault.ts';

describe('A command inside a ghost', function () {
  this.timeout(180_000);
  let owner: BedUser;
  let vault: TestVault;
  let other: TestVault;
  let session: TestSession;

  before(async function () {
    ({owner, vault} = await ownVault(this));
    other = await makeVault(owner, {mountPoint: join(owner.home, 'others')});
    writeAs(owner, join(owner.home, 'secrets.yml'), 'backends: {env: {type: dotenv}}\nbackend: env\nsecrets: []\n');
    session = await openSession(vault, ['--engine', 'fuse']);
  });

  after(async () => {
    await session.leave();
    await expectNothingLeft(vault);
  });

  /** Every command that can name a vault; `exec` and `unlock` would write into it. */
  const commands: Readonly<Record<string, string>> = {
    exec: '-- touch ~/secrets/wrong',
    unlock: '< /dev/null',
    pull: '',
    login: '',
    logout: '',
    'secrets list': '',
    'secrets diff': '',
    'secrets log': '',
  };

  for (const [command, rest] of Object.entries(commands)) {
    it(`refuses to "${command}" another vault, or the open one by another engine`, async () => {
      const wrong = {
        '--image OTHER --passphrase-file': `-i ${other.image} --passphrase-file ${other.passphraseFile}`,
        '--engine OTHER': '--engine dm-crypt',
      };
      for (const [name, flags] of Object.entries(wrong)) {
        const {code, output} = await session.ask(`tazpod ${command} ${flags} ${rest}`);
        expect(code, `${name}: ${output}`).to.equal(64);
        expect(output).to.match(/error: .*(another vault|engine fuse)/);
      }
      expect((await session.ask('test -e ~/secrets/wrong')).code).to.equal(1);
      expect(await isLocked(other.image)).to.equal(false);
    });
  }

  it('refuses a key for the vault of the working directory where another one is open', async () => {
    for (const flag of ['passphrase', 'key']) {
      const {code, output} = await session.ask(
        `cd ${dirname(other.passphraseFile)} && tazpod exec --${flag}-file ${other.passphraseFile} -- touch ~/secrets/wrong; code=$?; cd; (exit $code)`,
      );
      expect(code, output).to.equal(64);
    }
    expect((await session.ask('test -e ~/secrets/wrong')).code).to.equal(1);
  });

  it('says that TAZPOD_IMAGE names another vault, and works on the one that is open', async () => {
    const {code, output} = await session.ask(`TAZPOD_IMAGE=${other.image} tazpod exec -- touch ~/secrets/right`);
    expect(code).to.equal(0);
    expect(output).to.match(/^warning: TAZPOD_IMAGE names .* works on the vault that is open here: /);
  });

  it('means the open vault when the flags that have opened it are repeated', async () => {
    const {code, output} = await session.ask(`tazpod exec ${vault.flags.join(' ')} --engine fuse -- echo inside`);
    expect(output).to.equal('inside\n');
    expect(code).to.equal(0);
  });

  it('refuses to open the vault again, to create, adopt or clean one, and to take the tour', async () => {
    const refused = {
      'unlock < /dev/null': 'This shell is already inside the vault.',
      [`unlock ${vault.flags.join(' ')} < /dev/null`]: 'This shell is already inside the vault.',
      [`vault create --image ~/new.img --passphrase-file ${vault.passphraseFile}`]:
        'A vault cannot be created inside a ghost.',
      'vault clean --dry-run': 'Leftovers of a vault cannot be removed from inside a ghost.',
      [`vault clean --image ${other.image} --yes`]: 'Leftovers of a vault cannot be removed from inside a ghost.',
      [`vault adopt --image ${other.image} --yes`]: 'A vault cannot be adopted inside a ghost.',
      tour: 'The tour does not run inside a ghost.',
    };
    for (const [command, sentence] of Object.entries(refused)) {
      const {code, output} = await session.ask(`tazpod ${command}`);
      expect(code, output).to.equal(64);
      expect(output).to.include(`error: ${sentence}`);
    }
    expect(existsSync(join(owner.home, 'new.img'))).to.equal(false);
  });

  it('looks at the machine with a word about where that is, and does not call it unfit', async () => {
    const {code, output} = await session.ask('tazpod doctor');
    expect(code, output).to.equal(0);
    expect(output).to.match(
      /^warning: This shell is inside a ghost, where no program can become root: sudo does not work/m,
    );
  });

  it('does not lock this vault where another one is named, and reports no busy one as free', async () => {
    for (const flags of [`--image ${other.image}`, '--strategy smart']) {
      const {code, output} = await session.ask(`tazpod lock ${flags}`);
      expect(code, output).to.equal(64);
    }
    expect((await session.ask('tazpod exec --no-join -- true')).code).to.equal(75);
    const status = await session.ask(`tazpod status --image ${other.image} --json`);
    expect(JSON.parse(status.output)).to.have.nested.property('result.state', 'locked');
    expect((await session.ask('tazpod status')).output).to.include(vault.image);
  });

  it('reads standard input as any other program, and leaves it as it was', async () => {
    // Both read from the pipe that the shell reads its script from: Node would leave that in non-blocking mode.
    const {output} = await session.ask('head -c 200000 /dev/zero | tazpod exec -- wc -c; tazpod exec -- true');
    expect(output).to.equal('200000\n');
    expect((await session.ask('sleep 0.2; echo still here')).output).to.equal('still here\n');
  });

  it('works in a directory with a vault of its own on the vault that is open', async () => {
    const folder = join(owner.home, 'project');
    mkdirSync(join(folder, '.tazpod-vault'), {recursive: true});
    for (const path of [folder, join(folder, '.tazpod-vault')]) chownTo(owner, path);
    const {output} = await session.ask(`cd ${folder} && tazpod exec -- sh -c 'echo $TAZPOD_VAULT'; cd`);
    expect(output).to.equal(`${vault.mountPoint}\n`);
  });

  it('locks this vault by its name', async () => {
    const own = await openSession(await makeVault(owner, {mountPoint: join(owner.home, 'third')}));
    own.unlock.type(`tazpod lock --image ${own.vault.image}\n`);
    expect((await own.unlock.ended).code).to.equal(79);
  });
});
