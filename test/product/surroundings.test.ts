import {spawnSync} from 'node:child_process';
import {chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {expect} from 'chai';
import {install} from '../bed/install.ts';
import {atTheEnd} from '../bed/made-by.ts';
import {makeOwner} from '../bed/owner.ts';
import {withOwnVault} from '../bed/own-vault.ts';
import {chownTo, writeAs} from '../bed/ownership.ts';
import {type Ended, runAs, type RunOptions, tazpod} from '../bed/run.ts';
import {openSession} from '../bed/session.ts';
import type {BedUser} from '../bed/user.ts';
import {makeVault, planVault, quickKdf, type TestVault} from '../bed/vault.ts';

describe('Odd surroundings', function () {
  this.timeout(180_000);
  let owner: BedUser;
  let vault: TestVault;

  withOwnVault((own) => ({owner, vault} = own));

  const exec = (command: readonly string[], options: RunOptions = {}) =>
    tazpod(owner, ['exec', ...vault.flags, '--', ...command], options);

  /** A line of shell code with the flags of the vault as its arguments: it makes bytes that Node cannot write. */
  const script = (code: string) => runAs(owner, ['sh', '-c', code, 'sh', ...vault.flags]);

  const placeOf = ({image, passphraseFile}: TestVault) => ['--image', image, '--passphrase-file', passphraseFile];

  function rootsFolder(mode: number): string {
    const folder = mkdtempSync('/var/tmp/tazpod-test-');
    atTheEnd(() => rmSync(folder, {recursive: true, force: true}));
    chmodSync(folder, mode);
    return folder;
  }

  function expectRefused({code, stderr}: Ended, expected: number, what: RegExp): void {
    expect(code, stderr).to.equal(expected);
    const errors = stderr.split('\n').filter((line) => /^(error|warning):/.test(line));
    expect(errors, stderr).to.have.lengthOf(1);
    expect(errors[0]).to.match(what);
  }

  it('of a /proc that hides the processes of others (hidepid=2) cost a user no session, no join and no lock', async () => {
    const within = [
      ...['unshare', '--mount', '--propagation', 'private', 'sh', '-c'],
      'mount -t proc -o hidepid=2 proc /proc && exec "$@"',
      'sh',
    ];
    const session = await openSession(vault, [], {within});
    // The control: the user does not see the ghost, which is root's.
    expect((await runAs(owner, ['sh', '-c', 'ls -d /proc/1'], {within})).code).to.equal(2);
    const status = await tazpod(owner, ['status', '--image', vault.image], {within});
    expect(status.stdout).to.match(/^state +busy: .*hidepid/m);
    const joined = await exec(['sh', '-c', 'tazpod status --json | tr -d " \\n"'], {within});
    expect(joined.code, joined.stderr).to.equal(0);
    expect(joined.stdout).to.contain('"state":"open"');
    const locked = await tazpod(owner, ['lock', '--image', vault.image], {within});
    expect(locked.code, locked.stderr).to.equal(0);
    expect((await session.unlock.ended).code).to.equal(79);
  });

  describe('of the working directory', () => {
    it('that the user may not enter cost no seal and no session', async () => {
      const {code, stdout, stderr} = await exec(['sh', '-c', 'pwd; cat /proc/self/uid_map'], {cwd: rootsFolder(0o700)});
      expect(code, stderr).to.equal(0);
      // A user namespace of root's has the whole range; one of the user's would have one id.
      expect(stdout).to.match(/^\/\n\s+0\s+0\s+4294967295\n$/);
      expect(stderr).to.equal('tazpod: the working directory is not accessible inside; starting in /\n');
    });

    it('whose name is not UTF-8 are refused, but not by what needs no such name', async () => {
      const enter = 'd=$(printf "d\\377"); mkdir -p "$d" && cd "$d"';
      expectRefused(
        await script(`${enter} && exec tazpod exec "$@" -- true`),
        64,
        /name of the working directory is not UTF-8/,
      );
      expectRefused(
        await script(`${enter} && exec tazpod vault create --size 32M`),
        64,
        /working directory is not UTF-8/,
      );
      const {code, stdout, stderr} = await script(`${enter} && exec tazpod lock "$1" "$2"`);
      expect({code, stdout}, stderr).to.deep.equal({code: 0, stdout: 'The vault was not open.\n'});
    });
  });

  describe('of words that are not UTF-8', () => {
    it('are refused as arguments, image names and variables, and never passed on as something else', async () => {
      const odd = '$(printf "a\\377b")';
      expectRefused(await script(`exec tazpod exec "$@" -- echo "${odd}"`), 64, /^error: Argument \d+ is not UTF-8/);
      expectRefused(await script(`exec tazpod status --image "${odd}.img"`), 64, /Argument 3 is not UTF-8/);
      expectRefused(await script(`TAZPOD_IMAGE="${odd}" exec tazpod status`), 64, /variable TAZPOD_IMAGE is not UTF-8/);
      expectRefused(await script(`ODD="${odd}" exec tazpod exec "$@" -- env`), 64, /variable ODD is not UTF-8/);
      expect(readdirSync(owner.home).filter((name) => name.includes('\uFFFD') && name.endsWith('.img'))).to.deep.equal(
        [],
      );
    });

    it('are refused by a TazPod that an older Node has started, too', async () => {
      const run = `exec ${process.execPath} -e 'require("node:child_process").spawn(process.argv[1], process.argv.slice(2), {stdio: ["inherit", "inherit", "inherit", "ipc"]}).on("exit", (code) => process.exit(code))' ${install().node} ${install().cli}`;
      expectRefused(await script(`${run} status --image "$(printf 'a\\377')"`), 64, /Argument \d is not UTF-8/);
    });

    it('are no matter to a command that passes no variable on, nor is the sign for them in words that have it', async () => {
      expect((await script(`ODD=$(printf "\\377") exec tazpod status "$1" "$2"`)).code).to.equal(0);
      const {code, stdout} = await exec(['printenv', 'ODD'], {env: {ODD: 'a\uFFFDb'}});
      expect({code, stdout}).to.deep.equal({code: 0, stdout: 'a\uFFFDb\n'});
    });
  });

  describe('of temporary directories', () => {
    const foreign = () => rootsFolder(0o755);
    const places: Record<string, () => string> = {
      'does not exist': () => join(owner.home, 'nowhere'),
      "is root's alone": foreign,
      'is read-only': () => '/proc/sys',
      'has a path too long for a socket': () => {
        const path = join(owner.home, 'x'.repeat(90));
        mkdirSync(path, {recursive: true});
        chownTo(owner, path);
        return path;
      },
    };

    it('are passed over, and an open vault is joined and locked all the same', async () => {
      const {unlock} = await openSession(vault);
      for (const [what, place] of Object.entries(places)) {
        const {code, stderr} = await exec(['true'], {env: {XDG_RUNTIME_DIR: place(), TMPDIR: place()}});
        expect({what, code, stderr}).to.deep.equal({what, code: 0, stderr: ''});
      }
      const env = {
        XDG_RUNTIME_DIR: foreign(),
        TMPDIR: '/nonexistent',
        XDG_CACHE_HOME: foreign(),
        XDG_DATA_HOME: '/proc/sys',
      };
      const {code, stderr} = await tazpod(owner, ['lock', '--image', vault.image], {env});
      expect(code, stderr).to.equal(0);
      expect((await unlock.ended).code).to.equal(79);
    });

    it('are reported by the doctor, with the command that fixes it', async () => {
      const finding = async (env: RunOptions['env']) => {
        const {stdout} = await tazpod(owner, ['doctor', '--json'], {env: env!});
        const {result} = JSON.parse(stdout) as {
          result: {findings: {id: string; verdict: string; detail: string; fix?: string}[]};
        };
        return result.findings.find(({id}) => id === 'temporary')!;
      };
      expect(await finding({})).to.include({verdict: 'ok', detail: `They go to ${owner.runtimeFolder}.`});
      const wrong = await finding({XDG_RUNTIME_DIR: '/home', TMPDIR: '/nowhere'});
      expect(wrong).to.include({verdict: 'warning', fix: 'unset XDG_RUNTIME_DIR TMPDIR'});
      expect(wrong.detail).to.match(
        /XDG_RUNTIME_DIR is \/home, and you do not have permission to write there\..*TMPDIR is \/nowhere, and it does not exist\./,
      );
    });
  });

  describe('of the home', () => {
    const noMountPoint = () => ['exec', '--image', vault.image, '--passphrase-file', vault.passphraseFile, '--'];
    const where = ['sh', '-c', 'findmnt --noheadings --output TARGET --target "$TAZPOD_VAULT"'];

    it('that HOME names are honoured if it is a directory of the user’s own', async () => {
      const home = join(owner.home, 'ci/home');
      for (const path of [join(owner.home, 'ci'), home]) {
        mkdirSync(path, {recursive: true});
        chownTo(owner, path);
      }
      const {code, stdout, stderr} = await tazpod(owner, [...noMountPoint(), ...where], {env: {HOME: home}});
      expect({code, stdout}, stderr).to.deep.equal({code: 0, stdout: `${home}/secrets\n`});
    });

    it('that HOME names are passed over with a word if it is not', async () => {
      for (const HOME of ['/nonexistent', '/tmp']) {
        const {code, stdout, stderr} = await tazpod(owner, [...noMountPoint(), ...where], {env: {HOME}});
        expect({code, stdout}, stderr).to.deep.equal({code: 0, stdout: `${owner.home}/secrets\n`});
        expect(stderr).to.equal(
          `warning: HOME is ${HOME}, which is not your own directory. TazPod uses ${owner.home}.\n`,
        );
      }
    });

    it('that others could move are refused by root', async () => {
      const open = rootsFolder(0o777);
      const home = join(open, 'home');
      mkdirSync(home);
      chownTo(owner, home);
      expectRefused(
        await tazpod(owner, [...noMountPoint(), 'true'], {env: {HOME: home}}),
        77,
        /home is refused: other users can change/,
      );
    });

    it('that do not exist are reported, and another one can be named', async () => {
      const homeless = makeOwner();
      expect(spawnSync('usermod', ['--home', '/nonexistent', homeless.name]).status).to.equal(0);
      const own = await makeVault(homeless);
      const args = ['exec', '--image', own.image, '--passphrase-file', own.passphraseFile, '--', ...where];
      const {code, stderr} = await tazpod(homeless, args, {env: {HOME: undefined}});
      expect(code, stderr).to.equal(66);
      expect(stderr).to.match(/^error: You have no home directory\.\n.*\/nonexistent.*\n {2}Next: export HOME=/);
      const named = await tazpod(homeless, args);
      expect({code: named.code, stdout: named.stdout}, named.stderr).to.deep.equal({
        code: 0,
        stdout: `${homeless.home}/secrets\n`,
      });
    });

    it('that are the mount point itself are refused in one sentence', async () => {
      const config = join(owner.home, '.config/tazpod');
      for (const path of [join(owner.home, '.config'), config]) {
        mkdirSync(path, {recursive: true});
        chownTo(owner, path);
      }
      writeAs(owner, join(config, 'config.yaml'), 'bridges: [{home: .one, vault: one}, {home: .two, vault: two}]\n');
      const {flags} = {...vault, flags: ['--image', vault.image, '--passphrase-file', vault.passphraseFile]};
      const ended = await tazpod(owner, ['exec', ...flags, '--mount-point', owner.home, '--', 'true']);
      rmSync(config, {recursive: true});
      expectRefused(ended, 77, /mount point \S+ is not below your home directory/);
    });
  });

  describe('of a passphrase file', () => {
    const create = (content: string | Buffer) => {
      const planned = planVault(owner);
      writeFileSync(planned.passphraseFile, content);
      return {
        planned,
        made: tazpod(owner, ['vault', 'create', ...placeOf(planned), '--size', '32M', ...quickKdf]),
      };
    };
    const utf16 = Buffer.from('\uFEFFcorrect horse battery\r\n', 'utf16le');

    for (const [what, content, why] of [
      ['with Windows line ends', 'correct horse battery\r\n', /ends with a carriage return/],
      ['with a byte order mark', '\uFEFFcorrect horse battery\n', /begins with a byte order mark/],
      ['in UTF-16', utf16, /is in UTF-16/],
    ] as const) {
      it(`${what} keep a vault from being made that nobody could open by typing`, async () => {
        const {planned, made} = create(content);
        expectRefused(await made, 64, why);
        expect(existsSync(planned.image)).to.equal(false);
      });
    }

    it('with Windows line ends are reported where the passphrase is wrong, and a key file takes every byte', async () => {
      writeFileSync(vault.passphraseFile, `${vault.passphrase}\r\n`);
      const wrong = await exec(['true']);
      writeFileSync(vault.passphraseFile, `${vault.passphrase}\n`);
      expectRefused(wrong, 77, /passphrase or key is wrong/);
      expect(wrong.stderr).to.match(
        /The passphrase ends with a carriage return, as lines of Windows do; TazPod tried it unchanged/,
      );
      expect(wrong.stderr).not.to.include(vault.passphrase);
    });

    it('that others can read cost a warning, with the command that fixes it', async () => {
      chmodSync(vault.passphraseFile, 0o644);
      const {code, stderr} = await exec(['true']);
      chmodSync(vault.passphraseFile, 0o600);
      expect(code, stderr).to.equal(0);
      expect(stderr).to.match(/^warning: Other users can read \S+, and with it the vault\. Next: chmod 600 \S+\n$/);
    });
  });

  describe('of settings', () => {
    it('that a command does not need do not stop it', async () => {
      const env = {TAZPOD_SIZE: 'huge'};
      expect((await exec(['true'], {env})).code).to.equal(0);
      const unlock = await tazpod(owner, ['unlock', ...vault.flags], {env, stdin: 'echo inside\n'});
      expect({code: unlock.code, stdout: unlock.stdout}, unlock.stderr).to.deep.equal({code: 0, stdout: 'inside\n'});
      const planned = planVault(owner);
      expectRefused(await tazpod(owner, ['vault', 'create', ...placeOf(planned)], {env}), 78, /variable TAZPOD_SIZE/);
    });

    it('like a shell that gives no session are reported before the passphrase is read', async () => {
      const nobodys = ['unlock', '--image', vault.image, '--passphrase-file', '/nonexistent'];
      for (const SHELL of ['/usr/sbin/nologin', '/usr/bin/no-such-shell']) {
        expectRefused(await tazpod(owner, nobodys, {env: {SHELL}}), 69, /login shell \S+ cannot run a session/);
      }
    });

    it('like a size that no disk has are reported before the passphrase is read', async () => {
      const planned = planVault(owner);
      const create = (size: string) =>
        tazpod(owner, [
          'vault',
          'create',
          '--image',
          planned.image,
          '--passphrase-file',
          '/nonexistent',
          '--size',
          size,
        ]);
      expectRefused(await create('2000T'), 64, /A vault of 2000T is too large/);
      expectRefused(await create('900T'), 73, /Not enough space for the image/);
    });

    it('like a directory that takes no vault are reported before the passphrase is read', async () => {
      const args = ['vault', 'create', '--passphrase-file', '/nonexistent', '--size', '32M'];
      const refused = await tazpod(owner, args, {cwd: '/usr'});
      expectRefused(refused, 73, /A vault cannot be created in \/usr\/\.tazpod-vault/);
      expect(refused.stderr).to.include('You do not have permission to write there.');
    });
  });
});
