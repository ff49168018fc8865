import {expect} from 'chai';
import {chownSync, mkdtempSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {isLocked} from '../../src/kernel/file-lock.ts';
import {readMounts} from '../../src/kernel/mountinfo.ts';
import {isAlive, type ProcessIdentity} from '../../src/kernel/process.ts';
import type {SessionState, VaultState} from '../../src/vault/state.ts';
import {fuseConnections} from '../bed/fuse-connections.ts';
import {until} from '../bed/until.ts';
import {skip} from '../skip.ts';
import {type ContainerTerminal, mayMountFuse, openContainer, processesOf, runInContainer} from './container.ts';
import {type DockerEnded, type DockerEngine, startEngine, Unavailable} from './engine.ts';
import {buildImages} from './image.ts';

const passphrase = 'a passphrase for the containers';
const quickKdf = ['--pbkdf', 'pbkdf2', '--pbkdf-force-iterations', '1000'];

describe('The container image', function () {
  this.timeout(120_000);
  let engine: DockerEngine;
  let folder: string;
  const undo: (() => void | Promise<void>)[] = [];

  before(async function () {
    // From nothing: a Debian, a Node, npm packages, a build. From the cache: seconds.
    this.timeout(1_500_000);
    try {
      engine = await startEngine();
      undo.push(() => engine.stop());
      await buildImages(engine);
    } catch (error) {
      if (error instanceof Unavailable) skip(this, error.message);
      throw error;
    }
    folder = mkdtempSync(join(tmpdir(), 'tazpod-container-'));
    undo.push(() => rmSync(folder, {recursive: true}));
    // The image's own user reads it, and nobody else.
    writeFileSync(join(folder, 'passphrase'), `${passphrase}\n`, {mode: 0o600});
    chownSync(join(folder, 'passphrase'), 1000, 1000);
  });

  after(async function () {
    this.timeout(60_000);
    for (const each of undo.reverse()) await each();
  });

  const run = (command: readonly string[], flags: readonly string[] = mayMountFuse) =>
    runInContainer(engine, flags, command);

  it('takes the tour sealed, on fuse2fs, as a user who is not root', async () => {
    const {code, stdout, stderr} = await run(['tazpod', 'tour']);
    expect(code, stderr).to.equal(0);
    expect(stdout)
      .to.match(/^Inside the ghost$/m)
      .and.to.include('token-of-the-tour');
    expect(stdout)
      .to.match(/^Outside, at the same moment, as the same user$/m)
      .and.to.include('(empty)');
    expect(stdout.match(/Permission denied/g)).to.have.length(2);
    expect(stdout).to.match(/^After the end$/m);
    expect(stderr)
      .to.match(/Mount the vault: by fuse2fs/)
      .and.to.match(/Seal the session: sealed/);
  });

  it('grants its user the ghost as root, and nothing else', async () => {
    const {stdout} = await run(['sh', '-c', 'id --user; sudo --non-interactive --list; sudo --non-interactive id']);
    const [uid, ...rules] = stdout.trim().split('\n');
    expect(uid).to.equal('1000');
    const grants = rules.filter((line) => /^\s+\(/.test(line)).map((line) => line.trim());
    expect(grants).to.have.length(1);
    expect(grants[0]).to.match(/^\(root\) .*NOPASSWD: \/usr\/local\/lib\/node_modules\/tazpod\/bin\/tazpod-ghost$/);
    expect(stdout).not.to.include('uid=0');
  });

  it('holds what is published and what that needs, all of it root’s', async () => {
    const script = `cd /usr/local/lib/node_modules/tazpod && ls -A && find node_modules -maxdepth 1 -name typescript
      find . ! -user root -o -perm /022 ! -type l; command -v npm`;
    const {stdout} = await run(['sh', '-c', script]);
    expect(stdout.trim().split('\n')).to.deep.equal([
      ...['CHANGELOG.md', 'LICENSE', 'README.md', 'archives', 'bin', 'dist', 'docs', 'node_modules'],
      ...['oclif.manifest.json', 'package.json', 'plugins'],
    ]);
  });

  describe('without the right to mount', () => {
    const plain: readonly string[] = [];

    for (const [command, flags] of [
      ['tour', []],
      ['unlock', ['--create', '--passphrase-file', '/dev/null']],
    ] as const) {
      it(`says for "${command}" what docker run needs, and ends with 69`, async () => {
        const {code, stderr} = await run(['tazpod', command, ...flags], plain);
        expect(stderr).to.include('docker run --cap-add SYS_ADMIN --device /dev/fuse');
        expect(code).to.equal(69);
      });
    }

    it('names the security module when mounts are refused to root, as by AppArmor', async () => {
      const profile = join(folder, 'no-mounts.json');
      const refused = {names: ['mount'], action: 'SCMP_ACT_ERRNO'};
      writeFileSync(profile, JSON.stringify({defaultAction: 'SCMP_ACT_ALLOW', syscalls: [refused]}));
      const flags = [...mayMountFuse, '--security-opt', `seccomp=${profile}`];
      const {code, stderr} = await run(['tazpod', 'tour'], flags);
      expect(stderr).to.include('docker run --security-opt apparmor=unconfined');
      expect(code).to.equal(69);
    });

    it('says that /dev/fuse is missing when only that is', async () => {
      const flags = mayMountFuse.filter((word) => word !== '--device' && word !== '/dev/fuse');
      const {code, stderr} = await run(['tazpod', 'tour'], flags);
      expect(stderr).to.include('There is no /dev/fuse.').and.to.include('--device /dev/fuse');
      expect(code).to.equal(69);
    });
  });

  describe('with a vault in a volume', () => {
    const name = 'tazpod-test-session';
    const volume = 'tazpod-test-vault';
    let flags: readonly string[];
    let terminal: ContainerTerminal;

    before(async () => {
      await removeAll();
      flags = [
        ...mayMountFuse,
        ...['--volume', `${volume}:/home/tazpod/.tazpod-vault`, '--volume', `${folder}/passphrase:/run/passphrase:ro`],
        ...['--env', 'TAZPOD_PASSPHRASE_FILE=/run/passphrase'],
      ];
      const {code, stderr} = await run(['tazpod', 'vault', 'create', '--size', '32M', ...quickKdf], flags);
      expect(code, stderr).to.equal(0);
    });

    after(removeAll);

    async function removeAll(): Promise<void> {
      await engine.docker(['rm', '--force', '--volumes', name]);
      await engine.docker(['volume', 'rm', '--force', volume]);
    }

    /** A second process of the same user, beside the container's own process. */
    const beside = (command: readonly string[]): Promise<DockerEnded> => engine.docker(['exec', name, ...command]);

    it('runs commands in pipelines, and finds in a new container what one before it has left', async () => {
      const store = ['tazpod', 'exec', '--', 'sh', '-c', 'tr a-z A-Z >~/secrets/key && echo stored && exit 7'];
      const stored = await runInContainer(engine, flags, store, {stdin: 'from the pipeline\n'});
      expect(stored).to.deep.equal({code: 7, stdout: 'stored\n', stderr: ''});
      const loaded = await run(['sh', '-c', 'tazpod exec -- cat secrets/key | rev'], flags);
      expect(loaded).to.deep.equal({code: 0, stdout: 'ENILEPIP EHT MORF\n', stderr: ''});
    });

    /** The login shell of a new container, in which the vault is open. */
    async function openSession(): Promise<void> {
      await engine.docker(['rm', '--force', name]);
      terminal = openContainer(engine, name, flags);
      await terminal.shows(/\$ /);
      // What is asked for on the terminal is typed.
      terminal.enter('unset TAZPOD_PASSPHRASE_FILE; tazpod unlock; echo ended with $?');
      await terminal.shows(/assphrase[^\n]*: /);
      terminal.enter(passphrase);
      await terminal.shows(/Drop privileges[^]*\$ /);
    }

    describe('that is open on a terminal', () => {
      let session: SessionState;

      before(async () => {
        await openSession();
        const {stdout} = await beside(['tazpod', 'status', '--json']);
        session = (JSON.parse(stdout) as {result: VaultState}).result.session!;
      });

      it('gives a ghost shell', async () => {
        terminal.enter('echo "ghost: $TAZPOD_GHOST_MODE, terminal: $(tty), secret: $(cat ~/secrets/key)"');
        await terminal.shows(/ghost: true, terminal: \/dev\/pts\/\d+, secret: FROM THE PIPELINE/);
      });

      it('is reported as open, and how, by a process beside', () => {
        expect(session).to.include({engine: 'fuse', fileSystem: 'fuse2fs', isolation: 'sealed', shells: 1});
      });

      it('shows an empty directory to a process beside, which is refused every way through /proc', async () => {
        expect((await beside(['ls', '-A', 'secrets'])).stdout).to.equal('');
        for (const pid of session.pids) {
          for (const way of ['root/home/tazpod/secrets/key', 'environ', 'cwd/', 'fd/0', 'maps']) {
            const read = await beside(['cat', `/proc/${pid}/${way}`]);
            expect(read, way).to.include({code: 1, stdout: ''});
            expect(read.stderr).to.include('Permission denied');
          }
        }
      });

      it('is joined by a process beside that has the passphrase', async () => {
        const joined = await beside(['tazpod', 'exec', '--', 'cat', '/home/tazpod/secrets/key']);
        expect(joined).to.deep.equal({code: 0, stdout: 'FROM THE PIPELINE\n', stderr: ''});
      });

      it('leaves nothing when every process of the container is killed, and loses nothing that was synced', async () => {
        terminal.enter('echo synced >~/secrets/synced && sync ~/secrets/synced && echo it is "safe"');
        await terminal.shows(/it is safe/);
        const {stdout: mountPoint} = await engine.docker(['volume', 'inspect', '--format', '{{.Mountpoint}}', volume]);
        const image = join(mountPoint.trim(), 'vault.img');
        expect(await isLocked(image)).to.equal(true);
        const processes = await processesOf(engine, name);
        expect(processes.length).to.be.greaterThan(8);
        const connections = connectionsOf(processes);
        expect(fuseConnections()).to.include.members(connections);

        for (const {pid} of processes) kill(pid);

        expect(await terminal.ended).to.equal(137);
        await until('every process has ended', () => !processes.some((each) => isAlive(each)), {withinMs: 2000});
        const left = () => fuseConnections().filter((id) => connections.includes(id));
        await until('its FUSE connections have ended', () => left().length === 0, {withinMs: 2000});
        expect(await isLocked(image)).to.equal(false);
        const read = await run(['tazpod', 'exec', '--', 'cat', 'secrets/synced', 'secrets/key'], flags);
        expect(read).to.deep.equal({code: 0, stdout: 'synced\nFROM THE PIPELINE\n', stderr: ''});
      });
    });

    it('is locked by a process beside, and the session’s unlock says 79', async () => {
      await openSession();
      const locked = await beside(['tazpod', 'lock']);
      expect(locked.code, locked.stderr).to.equal(0);
      await terminal.shows(/ended with 79/);
    });

    it('closes at once when the container is stopped', async () => {
      await openSession();
      await engine.docker(['stop', name]);
      // Docker kills after ten seconds what does not mind its signal.
      expect(await terminal.ended).not.to.equal(137);
      const {stdout} = await run(['tazpod', 'status'], flags);
      expect(stdout).to.include('locked');
    });
  });
});

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // The end of its namespace's init was its end too.
  }
}

/** The FUSE connections behind what is mounted in the namespaces of these processes: the minor numbers of the mounts. */
function connectionsOf(processes: readonly ProcessIdentity[]): string[] {
  const mounts = processes.flatMap(({pid}) => readMounts(pid)).filter(({fsType}) => fsType.startsWith('fuse'));
  expect(mounts).not.to.have.length(0);
  return [...new Set(mounts.map(({minor}) => String(minor)))];
}
