import {spawn} from 'node:child_process';
import {randomBytes} from 'node:crypto';
import {once} from 'node:events';
import {mkdirSync, readdirSync, readFileSync} from 'node:fs';
import {join} from 'node:path';
import {expect} from 'chai';
import {readCommandLine} from '../../src/kernel/process-record.ts';
import {descendantsOf} from '../../src/kernel/process.ts';
import {expectNothingLeft} from '../bed/leftovers.ts';
import {ownVault} from '../bed/own-vault.ts';
import {chownTo} from '../bed/ownership.ts';
import {asUser, runAs} from '../bed/run.ts';
import {openSession, type TestSession} from '../bed/session.ts';
import {until} from '../bed/until.ts';
import type {BedUser} from '../bed/user.ts';
import type {TestVault} from '../bed/vault.ts';

/**
 * What another process of the same user may try, each a shell command for the pid of a process of the session that
 * has the secret in its environment, its working directory and its descriptor 9. It prints the secret, or something else
 * of the process.
 */
const attempts: readonly {name: string; command: string; attach?: true}[] = [
  {name: 'the file through /proc/PID/root', command: 'cat /proc/PID/root$HOME/secrets/key'},
  {name: 'the folder through /proc/PID/root', command: 'ls /proc/PID/root$HOME/secrets/key'},
  {name: 'its working folder', command: 'cat /proc/PID/cwd/key'},
  {name: 'its environment', command: "tr '\\0' '\\n' < /proc/PID/environ | grep SECRET"},
  {name: 'its open file', command: 'cat /proc/PID/fd/9'},
  {name: 'the list of its open files', command: 'ls /proc/PID/fd/9'},
  {name: 'its memory map', command: 'head -c 20 /proc/PID/maps | grep .'},
  {name: 'its memory', command: 'exec 3< /proc/PID/mem && echo open', attach: true},
  {name: 'its namespaces', command: 'readlink /proc/PID/ns/mnt'},
  {name: 'its program', command: 'readlink /proc/PID/exe'},
  {
    name: 'its system calls',
    command: 'timeout 1 strace -p PID 2>&1 | grep attached',
    attach: true,
  },
];

/** The Yama module may keep processes from attaching to each other even where nothing is sealed. */
const yama = (() => {
  try {
    return Number(readFileSync('/proc/sys/kernel/yama/ptrace_scope', 'utf8'));
  } catch {
    return 0;
  }
})();

describe('A sealed session', () => {
  let owner: BedUser;
  let vault: TestVault;
  let session: TestSession;
  /** A program in the session that has everything that is looked for: its pid out here. */
  let victim: number;
  const secret = randomBytes(12).toString('hex');

  before(async function () {
    ({owner, vault} = await ownVault(this));
    session = await openSession(vault);
    await session.ask(`echo ${secret} > ~/secrets/key && cd ~/secrets && exec 9< key && export SECRET=${secret}`);
    await session.ask('sleep 1000 > /dev/null 2>&1 &');
    victim = await until('the program runs in the session', () => pidOf('sleep 1000', session.unlock.pid));
  });

  after(async () => {
    await session.leave();
    await expectNothingLeft(vault);
  });

  /** Tries something as another process of the same user. */
  const attempt = (command: string, pid: number) => runAs(owner, ['sh', '-c', command.replaceAll('PID', String(pid))]);

  it('lets its user read and write inside', async () => {
    expect(await session.ask('cat ~/secrets/key; echo more >> ~/secrets/file && mkdir ~/secrets/folder')).to.deep.equal(
      {
        output: `${secret}\n`,
        code: 0,
      },
    );
  });

  it('leaves an empty directory outside, at the same moment', async () => {
    expect(readdirSync(vault.mountPoint)).to.deep.equal([]);
    expect((await runAs(owner, ['ls', '-A', vault.mountPoint])).stdout).to.equal('');
    expect((await session.ask('ls ~/secrets')).output).to.include('key');
  });

  for (const {name, command} of attempts) {
    it(`refuses another process of the user ${name}`, async () => {
      const {stdout, stderr} = await attempt(command, victim);
      expect(stdout, stderr).to.equal('');
      expect(stderr).not.to.include(secret);
    });
  }

  it('refuses to be entered', async () => {
    for (const command of [
      'nsenter -t PID -m cat $HOME/secrets/key',
      'nsenter -t PID -U --preserve-credentials -m cat $HOME/secrets/key',
      'unshare --user --map-root-user cat /proc/PID/root$HOME/secrets/key',
      'unshare --user --map-root-user nsenter -t PID -m cat $HOME/secrets/key',
    ]) {
      const {code, stdout} = await attempt(command, victim);
      expect({stdout, failed: code !== 0}, command).to.deep.equal({stdout: '', failed: true});
    }
  });

  it('has no privilege and no way to one', async () => {
    const {output} = await session.ask("grep -E '^(Cap|NoNewPrivs)' /proc/self/status; sudo -n true");
    for (const set of ['CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb']) {
      expect(output).to.match(new RegExp(`^${set}:\\s+0{16}$`, 'm'));
    }
    expect(output).to.match(/^NoNewPrivs:\s+1$/m);
    expect(output).to.match(/no new privileges|not permitted/i);
  });

  it('sees no process but its own', async () => {
    const {output} = await session.ask("tr '\\0' ' ' < /proc/1/cmdline; echo; ls /proc | grep -c '^[0-9]*$'");
    const [init, count] = output.trimEnd().split('\n').slice(-2);
    expect(init).to.include('tazpod-init');
    // The init, the shell, the sleeping program, and the pipeline that counts.
    expect(Number(count)).to.be.below(10);
  });

  it('has the vault without setuid programs and devices', async () => {
    const {output} = await session.ask(`grep ' ${vault.mountPoint} ' /proc/self/mountinfo`);
    expect(output).to.match(/ rw,nosuid,nodev/);
  });

  describe('is not what a mere mount namespace is: there the same attempts succeed', () => {
    let pid: number;
    let unsealed: ReturnType<typeof spawn>;

    before(async () => {
      const folder = join(owner.home, 'secrets');
      mkdirSync(folder, {recursive: true});
      chownTo(owner, folder);
      const asOwner = ['setpriv', ...asUser(owner), 'env', `HOME=${owner.home}`, `SECRET=${secret}`];
      const program = `cd ${folder} && echo ${secret} > key && exec 9< key && echo ready && exec sleep 1000`;
      const script = `mount -t tmpfs -o mode=0700,uid=${owner.uid} tmpfs ${folder} && exec ${asOwner.join(' ')} sh -c '${program}'`;
      unsealed = spawn('unshare', ['--mount', '--propagation', 'private', 'sh', '-c', script], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      await once(unsealed.stdout!, 'data');
      pid = unsealed.pid!;
      await until('the program runs', () => readCommandLine(pid)?.join(' ') === 'sleep 1000');
    });

    after(async () => {
      unsealed.kill('SIGKILL');
      await once(unsealed, 'exit');
    });

    for (const {name, command, attach} of attempts) {
      it(name, async () => {
        const {stdout, stderr} = await attempt(command, pid);
        if (attach === true && yama > 0) expect(stdout).to.equal('');
        else expect(stdout, stderr).not.to.equal('');
      });
    }
  });
});

/** The descendant of a process that has this command line, if it is there. */
function pidOf(commandLine: string, ancestor: number): number | undefined {
  return descendantsOf(ancestor).find(({pid}) => readCommandLine(pid)?.join(' ') === commandLine)?.pid;
}
