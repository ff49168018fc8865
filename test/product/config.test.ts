import {chmodSync, mkdirSync, readdirSync, readFileSync, rmSync} from 'node:fs';
import {join} from 'node:path';
import {expect} from 'chai';
import {expectNothingLeft} from '../bed/leftovers.ts';
import {makeOwner, needsRoot} from '../bed/owner.ts';
import {chownTo, writeAs} from '../bed/ownership.ts';
import {type RunOptions, tazpod} from '../bed/run.ts';
import type {BedUser} from '../bed/user.ts';
import {planVault, quickKdf, type TestVault} from '../bed/vault.ts';

describe('The configuration of a project and its user', function () {
  this.timeout(180_000);
  let owner: BedUser;
  let project: string;
  let vault: TestVault;
  const config = () => join(project, '.tazpod/config.yaml');

  const inProject = (args: readonly string[], {env, cwd = project, ...more}: RunOptions = {}) =>
    tazpod(owner, args, {...more, cwd, env: {TAZPOD_PASSPHRASE_FILE: vault.passphraseFile, ...env}});

  async function succeed(args: readonly string[], options: RunOptions = {}): Promise<string> {
    const {code, stdout, stderr} = await inProject(args, options);
    expect(code, stderr).to.equal(0);
    return stdout;
  }

  before(async function () {
    needsRoot(this);
    owner = makeOwner();
    project = join(owner.home, 'project');
    mkdirSync(project);
    chownTo(owner, project);
    vault = {...planVault(owner, join(owner.home, 'secrets-team')), image: join(project, '.tazpod/vault/vault.img')};
    await succeed(['init']);
    const mine = ['image: .tazpod/vault/vault.img', 'mount-point: ~/secrets-team', 'size: 32M', 'engine: fuse'];
    writeAs(owner, config(), `${readFileSync(config(), 'utf8')}${mine.join('\n')}\n`);
    await succeed(['vault', 'create', ...quickKdf]);
  });

  afterEach(() => expectNothingLeft(vault));

  it('is what vault create, status and exec go by, from every directory below', async () => {
    const deep = join(project, 'src/deep');
    mkdirSync(deep, {recursive: true});
    const {result} = JSON.parse(await succeed(['status', '--json'], {cwd: deep})) as {result: unknown};
    expect(result).to.deep.equal({image: vault.image, state: 'locked', sizeBytes: 32 * 2 ** 20});
    const script = 'findmnt --noheadings --output TARGET --target ~/secrets-team; test -e ~/secrets || echo no other';
    const said = await succeed(['exec', '--', 'sh', '-c', script], {cwd: deep});
    expect(said).to.equal(`${vault.mountPoint}\nno other\n`);
  });

  it('gives way to the environment, and that to a flag', async () => {
    const where = (flags: readonly string[]) => [
      ...['exec', ...flags, '--', 'sh', '-c', 'for d in ~/by-*; do mountpoint -q $d && basename $d; done'],
    ];
    const env = {TAZPOD_MOUNT_POINT: '~/by-environment'};
    expect(await succeed(where([]), {env})).to.equal('by-environment\n');
    expect(await succeed(where(['--mount-point', join(owner.home, 'by-flag')]), {env})).to.equal('by-flag\n');
  });

  it('is explained, each value with its place', async () => {
    const user = join(owner.home, '.config/tazpod/config.yaml');
    mkdirSync(join(user, '..'), {recursive: true});
    writeAs(owner, user, 'shells: [bash]\nsize: 1G\n');
    const text = await succeed(['config', '--explain'], {env: {TAZPOD_ISOLATION: 'sealed'}});
    const lines = readFileSync(config(), 'utf8').split('\n');
    expect(text).to.match(new RegExp(`^size +32M +${config()}:${lines.indexOf('size: 32M') + 1}$`, 'm'));
    expect(text).to.match(new RegExp(`^shells +bash +${user}:1$`, 'm'));
    expect(text).to.match(/^isolation +sealed +TAZPOD_ISOLATION$/m);
    expect(text).to.match(/^cleanup.strategy +\(none\) +built-in$/m);
    rmSync(user);
  });

  it('names file, line, column and key where it is wrong, and stops nothing that is needed to fix it', async () => {
    const whole = readFileSync(config(), 'utf8');
    writeAs(owner, config(), 'size: 32M\nmount-pont: ~/x\n');
    try {
      for (const command of [['status'], ['lock'], ['vault', 'create'], ['exec', '--', 'true']]) {
        const {code, stderr} = await inProject(command);
        expect(code, command.join(' ')).to.equal(78);
        expect(stderr).to.equal(
          `error: ${config()}:2:1: mount-pont is unknown; did you mean "mount-point"?\n` +
            '  Next: tazpod config schema config\n',
        );
      }
      const {code, stdout, stderr} = await inProject(['config', '--explain']);
      expect(code).to.equal(78);
      expect(stdout).to.include('config.yaml (wrong)');
      expect(stderr).to.include(`${config()}:2:1: mount-pont is unknown`);
      for (const command of [['help'], ['init'], ['config', 'schema', 'config'], ['vault', 'list'], ['doctor']]) {
        expect((await inProject(command)).code, command.join(' ')).to.equal(0);
      }
      // Who names the vault needs no configuration to close it.
      for (const command of ['status', 'lock']) await succeed([command, '--image', vault.image]);
    } finally {
      writeAs(owner, config(), whole);
    }
  });

  it('cannot make a clone of somebody’s repository reach out of its directory', async () => {
    const whole = readFileSync(config(), 'utf8');
    const before = readdirSync(owner.home);
    try {
      for (const text of ['mount-point: ~/.ssh', 'image: ~/other.img', 'bridges: [{home: .ssh, vault: ssh}]']) {
        writeAs(owner, config(), `${text}\n`);
        const {code, stderr} = await inProject(['exec', '--', 'true']);
        expect(code, text).to.equal(78);
        expect(stderr).to.include(`${config()}:1:1: `);
      }
      expect(readdirSync(owner.home)).to.deep.equal(before);
    } finally {
      writeAs(owner, config(), whole);
    }
  });

  it('is left unread, with one warning, where everybody may write it', async () => {
    chmodSync(config(), 0o666);
    try {
      const {code, stderr} = await inProject(['exec', '--', 'true'], {env: {TAZPOD_MOUNT_POINT: '~/by-environment'}});
      expect(code).to.equal(0);
      expect(stderr.match(/config\.yaml is ignored: everybody can write to it/g)).to.have.length(1);
    } finally {
      chmodSync(config(), 0o600);
    }
  });

  it('need not name .tazpod/vault/vault.img, which is found', async () => {
    const whole = readFileSync(config(), 'utf8');
    rmSync(config());
    try {
      expect(await succeed(['status'])).to.include(vault.image);
    } finally {
      writeAs(owner, config(), whole);
    }
  });
});
