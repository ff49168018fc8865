import {spawn, spawnSync} from 'node:child_process';
import {
  chmodSync,
  closeSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import {createServer} from 'node:net';
import {tmpdir} from 'node:os';
import {dirname, join} from 'node:path';
import {text} from 'node:stream/consumers';
import {once} from 'node:events';
import {expect} from 'chai';
import {fuseForAll} from '../bed/fuse-for-all.ts';
import {install} from '../bed/install.ts';
import {expectNothingLeft} from '../bed/leftovers.ts';
import {makeOwner, needsRoot} from '../bed/owner.ts';
import {chownTo, writeAs} from '../bed/ownership.ts';
import {loginEnvironment, runAs, tazpod} from '../bed/run.ts';
import type {BedUser} from '../bed/user.ts';
import {makeVault, quickKdf, type TestVault} from '../bed/vault.ts';
import {callByHand, planOf} from '../isolation/by-hand.ts';
import {readTrace} from './system-call-trace.ts';

describe('The privileged process', () => {
  let owner: BedUser;
  let vault: TestVault;

  before(async function () {
    needsRoot(this);
    owner = makeOwner({groups: ['users', 'games']});
    vault = await makeVault(owner);
  });

  afterEach(() => expectNothingLeft(vault));

  const exec = (command: readonly string[], options: Parameters<typeof tazpod>[2] = {}) =>
    tazpod(owner, ['exec', ...vault.flags, '--', ...command], options);

  /** Runs a shell script as the user, with these arguments. */
  const runScript = (script: string, args: readonly string[]) => runAs(owner, ['sh', '-c', script, 'sh', ...args]);

  describe('with every file that it opens listed', () => {
    let files: readonly string[];
    let programs: readonly string[];

    before(async () => {
      const folder = mkdtempSync(join(tmpdir(), 'tazpod-trace-'));
      try {
        const traced = 'execve,execveat,open,openat,openat2,clone,clone3,fork,vfork';
        // Not with --seccomp-bpf, which would take sudo its power to become root.
        const options = ['-f', '-qq', '-s', '4096', '-e', `trace=${traced}`, '-o', join(folder, 'trace')];
        const within = ['strace', ...options];
        const {code, stderr, stdout} = await exec(['cat', '/etc/hostname'], {within, timeoutMs: 120_000});
        expect({code, stdout}, stderr).to.deep.equal({code: 0, stdout: readFileSync('/etc/hostname', 'utf8')});
        const trace = readTrace(readFileSync(join(folder, 'trace'), 'latin1'));
        const {ghost: entry} = install();
        ({files, programs} = trace.privileged({
          begins: (program, argv) => argv.includes(entry) || program === entry,
          // The entry uses env(1) too, to give Node an environment of its own.
          ends: (program, argv) => program === '/usr/bin/env' && argv.includes('"--"'),
        }));
      } finally {
        rmSync(folder, {recursive: true});
      }
    });

    it('runs code of its own install only, and of no package', () => {
      const {folder} = install();
      const own = files.filter((path) => path.startsWith(`${folder}/`)).map((path) => path.slice(folder.length + 1));
      expect(own).to.include.members(['bin/tazpod-ghost', 'dist/ghost/main.js', 'dist/engines/fuse/server-process.js']);
      const code = /^(bin\/tazpod-ghost|dist\/(ghost|engines|luks|kernel|lifecycle|foundation)\/[a-z\d/-]+\.js)$/;
      // Node looks for a package.json beside each file, for the word "module" in it.
      const rest = own.filter(
        (path) => !code.test(path) && !/(^|\/)package\.json$/.test(path) && path !== 'node_modules/node/bin/node',
      );
      expect(rest).to.deep.equal([]);
    });

    it('opens nothing else but the system’s files and what the plan names', () => {
      const named = [vault.image, vault.passphraseFile, vault.mountPoint, owner.runtimeFolder];
      const isNamed = (path: string) => named.some((each) => each === path || `${path}/`.startsWith(`${each}/`));
      const system = /^\/(usr|lib|lib64|etc|proc|sys|dev|run\/(blkid|cryptsetup|mount|sudo|systemd|udev))(\/|$)/;
      const others = files.filter((path) => !path.startsWith(install().folder) && !system.test(path) && !isNamed(path));
      expect(files).to.include(vault.passphraseFile);
      // The way to what is named is gone step by step.
      const folders = [vault.image, vault.mountPoint].flatMap(waysTo);
      expect(others.filter((path) => !folders.includes(path))).to.deep.equal([]);
    });

    it('calls the system’s programs, by absolute paths that root alone can write', () => {
      const own = [install().ghost, install().node, join(install().path, 'node')];
      const others = programs.filter((path) => !own.includes(path));
      expect(others.filter((path) => !/^\/(usr\/)?s?bin\/[a-z0-9_.+-]+$/.test(path))).to.deep.equal([]);
      expect(others).to.include('/usr/bin/setpriv');
    });
  });

  it('runs nothing that the caller’s environment or directories suggest', async () => {
    const trap = join(owner.home, 'trap');
    const hits = join(owner.home, 'hits');
    mkdirSync(trap, {recursive: true});
    chownTo(owner, trap);
    writeAs(owner, hits, '');
    for (const name of [
      'mount',
      'umount',
      'cryptsetup',
      'e2fsck',
      'losetup',
      'setpriv',
      'unshare',
      'sh',
      'id',
      'getent',
      'flock',
    ]) {
      writeAs(owner, join(trap, name), `#!/bin/bash\n/usr/bin/id -u >> ${hits}\nexec /usr/bin/${name} "$@"\n`);
      chmodSync(join(trap, name), 0o755);
    }
    const module = writeAs(
      owner,
      join(trap, 'module.cjs'),
      `require('fs').appendFileSync(${JSON.stringify(hits)}, process.getuid() + '\\n')`,
    );
    const {code, stderr} = await exec(['true'], {
      cwd: trap,
      env: {
        PATH: `${trap}:${loginEnvironment(owner)['PATH']}`,
        NODE_OPTIONS: `--require=${module}`,
        NODE_PATH: trap,
        BASH_ENV: module,
        ENV: module,
        LD_LIBRARY_PATH: trap,
      },
    });
    expect(code, stderr).to.equal(0);
    const ids = new Set(readFileSync(hits, 'utf8').trim().split('\n'));
    // The trap works: the user's own half fell into it.
    expect([...ids]).to.deep.equal([String(owner.uid)]);
  });

  it('hands no descriptor to the session but the three, with any descriptors of its own', async () => {
    const opened = [openSync('/etc/passwd', 'r'), openSync('/dev/null', 'w'), openSync('/etc', 'r')];
    try {
      const {stdout} = await exec(['sh', '-c', 'ls -l /proc/$$/fd'], {descriptors: opened});
      const names = [...stdout.matchAll(/ (\d+) -> /g)].map(([, fd]) => Number(fd));
      expect(names).to.deep.equal([0, 1, 2]);
    } finally {
      for (const fd of opened) closeSync(fd);
    }
  });

  it('called by root itself, without sudo in between, hands over none either', async () => {
    const home = mkdtempSync('/root/tazpod-test-home-');
    const opened = [openSync('/etc/passwd', 'r'), openSync('/dev/null', 'w')];
    try {
      const passphraseFile = join(home, 'passphrase');
      writeFileSync(passphraseFile, 'a passphrase of root’s own\n', {mode: 0o600});
      const flags = ['--image', join(home, 'vault.img'), '--passphrase-file', passphraseFile];
      const run = async (args: readonly string[]) => {
        const child = spawn(install().node, [install().cli, ...args], {
          cwd: home,
          env: {HOME: home, PATH: '/usr/bin:/bin', SUDO_UID: '1', SUDO_GID: '1', SUDO_USER: 'daemon'},
          stdio: ['ignore', 'pipe', 'pipe', ...opened],
        });
        const [stdout, stderr] = await Promise.all([text(child.stdout!), text(child.stderr!), once(child, 'exit')]);
        expect(child.exitCode, stderr).to.equal(0);
        return stdout;
      };
      await run(['vault', 'create', ...flags, '--size', '32M', ...quickKdf]);
      const stdout = await run(['exec', ...flags, '--', 'sh', '-c', 'ls -l /proc/$$/fd; id -u; echo $HOME']);
      expect([...stdout.matchAll(/ (\d+) -> /g)].map(([, fd]) => Number(fd))).to.deep.equal([0, 1, 2]);
      expect(stdout).to.match(new RegExp(`^0\\n${home}$`, 'm'));
    } finally {
      for (const fd of opened) closeSync(fd);
      rmSync(home, {recursive: true, force: true});
    }
  });

  it('leaves the session its caller’s umask, no core dumps, its groups and nobody else’s', async () => {
    const script = 'umask; ulimit -c; cat /proc/self/coredump_filter; id -un; id -gn; id -Gn';
    const args = ['exec', ...vault.flags, '--', 'bash', '-c', script];
    const told = (await runScript('umask 027; exec tazpod "$@"', args)).stdout.trim().split('\n');
    expect(told[0]).to.equal('0027');
    expect(told.slice(2, 3)).to.deep.equal(['00000000']);
    expect(told.slice(3, 5)).to.deep.equal([owner.name, owner.name]);
    expect(told[5]!.split(' ').sort()).to.deep.equal(['games', owner.name, 'users'].sort());
  });

  it('lets the session make private files in the vault, also where the caller’s umask is open, and only there', async () => {
    const script = 'umask 000; exec tazpod "$@"';
    const make = 'mkdir -p $1 && touch $1/file && cp /bin/true $1/program && stat -c %a $1 $1/file $1/program';
    const args = (folder: string) => ['exec', ...vault.flags, '--', 'sh', '-c', make, 'sh', `${owner.home}/${folder}`];
    expect((await runScript(script, args('secrets/deep/private'))).stdout).to.equal('700\n600\n700\n');
    expect((await runScript(script, args('project'))).stdout).to.equal('777\n666\n755\n');
  });

  it('gives the session the umask that the user asks for, and a private one where the vault cannot keep files so', async () => {
    const args = ['exec', ...vault.flags, '--', 'sh', '-c', 'umask'];
    expect((await runScript('TAZPOD_UMASK=007 exec tazpod "$@"', args)).stdout).to.equal('0007\n');
    // fuse2fs knows no ACL.
    const privately = [...args.slice(0, -4), '--isolation', 'private', ...args.slice(-4)];
    const {stdout, stderr} = await tazpod(owner, privately, {within: fuseForAll});
    expect(stdout, stderr).to.equal('0077\n');
  });

  it('talks to no socket that is not its caller’s own, by any name', async () => {
    const service = join(owner.runtimeFolder, 'service');
    let connections = 0;
    const server = createServer((socket) => {
      connections++;
      socket.destroy();
    });
    await new Promise<void>((resolve) => void server.listen(service, resolve));
    try {
      chmodSync(service, 0o666);
      const plan = planOf(vault, 'true');
      for (const lay of [symlinkSync, linkSync]) {
        const ended = await callByHand(owner, plan, {
          listen: false,
          place: (folder, content) => {
            lay(service, join(folder, 'socket'));
            return writeAs(owner, join(folder, 'plan.json'), content);
          },
        });
        expect(ended.code, ended.stderr).to.equal(77);
      }
      expect(connections).to.equal(0);
    } finally {
      server.close();
    }
  });

  it('says what the kernel refuses, where root may not mount', () => {
    const command = ['--bounding-set=-sys_admin', '--inh-caps=-sys_admin', '--', install().ghost, '/plan'];
    const {status, stderr} = spawnSync('setpriv', command, {encoding: 'utf8'});
    expect(status).to.equal(69);
    expect(stderr).to.match(/^tazpod: The kernel refuses a mount namespace\. Root lacks the capability SYS_ADMIN/);
  });

  it('is refused to who calls it by hand', async () => {
    for (const args of [
      [],
      ['relative'],
      ['/nowhere'],
      ['/nowhere', '--in-own-namespace'],
      ['/etc/passwd', 'x', 'y'],
    ]) {
      const {code, stdout, stderr} = await runScript(`exec sudo -n ${install().ghost} "$@"`, args);
      expect(code, args.join(' ')).to.be.oneOf([64, 77]);
      expect(stdout).to.equal('');
      expect(stderr).to.match(/^tazpod: /);
      // Nothing of a file that it was pointed to is repeated.
      expect(stderr).not.to.include('root:');
    }
  });
});

/** Every directory above a path. */
function waysTo(path: string): string[] {
  return path === '/' ? [path] : [dirname(path), ...waysTo(dirname(path))];
}
