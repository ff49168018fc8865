import {expect} from 'chai';
import {spawn} from 'node:child_process';
import {once} from 'node:events';
import {chmodSync, closeSync, mkdtempSync, openSync, readdirSync, rmSync, writeFileSync} from 'node:fs';
import {createServer, type AddressInfo} from 'node:net';
import {join} from 'node:path';
import {tmpdir} from 'node:os';
import {setTimeout as sleep} from 'node:timers/promises';
import {runConfined} from '../../src/confined/run-confined.ts';
import {readCommandLine} from '../../src/kernel/process-record.ts';
import {descendantsOf, isAlive, type ProcessIdentity} from '../../src/kernel/process.ts';
import {run} from '../../src/kernel/program.ts';
import {needsRoot} from '../bed/owner.ts';
import {until} from '../bed/until.ts';

const source = new URL('../../src/confined/run-confined.ts', import.meta.url).pathname;
const limits = {cpuSeconds: 60};

/** What a shell says that is confined, and what the same words of root's own shell say: the control. */
async function bothWays(script: string, files: readonly number[] = []): Promise<{confined: string; free: string}> {
  const [confined, free] = await Promise.all([
    runConfined('sh', ['-c', script], {files, limits}),
    run('sh', ['-c', script], {descriptors: files}),
  ]);
  return {confined: confined.stdout.toString(), free: free.stdout.toString()};
}

/** A process that runs a confined `sleep`, as a ghost would. */
function callSleep(before = '') {
  const script = `
    import {runConfined} from '${source}';
    ${before}
    await runConfined('sh', ['-c', 'sleep 300; exit 0'], {files: [], limits: {cpuSeconds: 60}}).catch(() => {});`;
  // As in a ghost, /dev/shm goes with the last process of the mount namespace.
  const own = [
    '--mount',
    '--propagation',
    'private',
    '--',
    'sh',
    '-c',
    'mount -t tmpfs none /dev/shm && exec "$@"',
    'sh',
  ];
  const node = [process.execPath, '--input-type=module', '--eval', script];
  return spawn('unshare', [...own, ...node], {stdio: ['ignore', 'ignore', 'inherit']});
}

const isSleep = ({pid}: ProcessIdentity): boolean => readCommandLine(pid)?.[0]?.toString() === 'sleep';

describe('A confined program', () => {
  let folder: string;

  before(function () {
    needsRoot(this);
  });

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'tazpod-confined-'));
    chmodSync(folder, 0o777);
  });

  afterEach(() => rmSync(folder, {recursive: true}));

  it('has no capability, no way to gain one, and a user and group that nobody else has', async () => {
    const {confined, free} = await bothWays("grep -E '^(Uid|Gid|Groups|Cap...|NoNewPrivs):' /proc/self/status");
    const words = (text: string, name: string): string[] =>
      new RegExp(`^${name}:(.*)$`, 'm').exec(text)![1]!.trim().split(/\s+/);
    const [uid, gid] = [words(confined, 'Uid'), words(confined, 'Gid')];
    expect(new Set([...uid, ...gid])).to.have.lengthOf(1);
    expect(Number(uid[0])).to.be.within(60_706, 61_183);
    expect(words(confined, 'Groups')).to.deep.equal(['']);
    for (const set of ['CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb']) {
      expect(words(confined, set), set).to.deep.equal(['0000000000000000']);
    }
    expect(words(confined, 'NoNewPrivs')).to.deep.equal(['1']);
    expect(words(free, 'CapEff')).to.not.deep.equal(['0000000000000000']);
  });

  it('cannot make a user namespace, in which it would have capabilities again', async () => {
    const {confined, free} = await bothWays('unshare --user echo made 2>/dev/null');
    expect({confined, free}).to.deep.equal({confined: '', free: 'made\n'});
  });

  it('finds the programs of the machine, four devices and its own processes, and nothing else', async () => {
    const {confined} = await bothWays('cd /; ls -d [!p]*; ls /dev; ls -d /proc/[0-9]* | wc -l');
    const [shown, processes] = [confined.trim().split('\n').slice(0, -1), Number(confined.trim().split('\n').at(-1))];
    const expected = ['bin', 'dev', 'fstab', 'lib', 'lib32', 'lib64', 'libx32', 'null', 'random', 'sbin', 'urandom'];
    expect([...expected, 'usr', 'zero']).to.include.members(shown);
    expect(processes).to.be.lessThan(5);
  });

  it('reads no file of the machine that everybody may read, and writes none that everybody may write', async () => {
    writeFileSync(join(folder, 'open'), 'before', {mode: 0o666});
    chmodSync(join(folder, 'open'), 0o666);
    const script = `cat ${folder}/open; cat /etc/passwd | grep -c root; echo x >>${folder}/open && echo written`;
    const {confined, free} = await bothWays(`{ ${script}; } 2>/dev/null`);
    expect(confined.trim()).to.equal('0');
    expect(free).to.match(/^before[1-9]\d*\nwritten\n$/);
  });

  it('writes nothing where it lives, and nothing to the programs of the machine', async () => {
    const script =
      'for f in / /dev /proc /usr /usr/bin; do echo x 2>/dev/null >$f/tazpod-test && echo $f; done; echo end';
    const {stdout} = await runConfined('sh', ['-c', script], {files: [], limits});
    expect(stdout.toString()).to.equal('end\n');
  });

  it('opens the file that it was given, and gets no other descriptor', async () => {
    const path = join(folder, 'given');
    writeFileSync(path, 'given', {mode: 0o600});
    const fd = openSync(path, 'r+');
    try {
      const {stdout} = await runConfined('sh', ['-c', 'cat /proc/self/fd/3; echo; ls /proc/$$/fd'], {
        files: [fd],
        limits,
      });
      const [content, ...descriptors] = stdout.toString().trim().split('\n');
      // What this test itself was started with, every program of it has.
      const inherited = (await run('sh', ['-c', 'ls /proc/$$/fd'])).stdout.toString().trim().split('\n');
      expect(content).to.equal('given');
      expect(descriptors).to.have.members([...inherited, '3']);
    } finally {
      closeSync(fd);
    }
  });

  it('can signal no process of the machine, of any user', async () => {
    const target = spawn('sleep', ['300']);
    try {
      // Signal 0 asks whether it could be signalled, and does nothing.
      const {confined, free} = await bothWays(`kill -0 ${target.pid} 2>/dev/null && echo reached; echo end`);
      expect({confined, free}).to.deep.equal({confined: 'end\n', free: 'reached\nend\n'});
    } finally {
      target.kill('SIGKILL');
    }
  });

  it('reaches no service of the machine through the network', async () => {
    const server = createServer((socket) => socket.end());
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const {port} = server.address() as AddressInfo;
    const connect = `use Socket; socket(S, PF_INET, SOCK_STREAM, 0); print connect(S, sockaddr_in(${port}, INADDR_LOOPBACK)) ? "reached" : "refused"`;
    try {
      const {confined, free} = await bothWays(`perl -e '${connect}'`);
      expect({confined, free}).to.deep.equal({confined: 'refused', free: 'reached'});
    } finally {
      server.close();
    }
  });

  it('is killed when it has worked for its time', async () => {
    const {signal} = await runConfined('sh', ['-c', 'while :; do :; done'], {files: [], limits: {cpuSeconds: 1}});
    expect(signal).to.equal('SIGKILL');
  });

  it('gets no more memory than its limit', async () => {
    const eat = ['-c', `perl -e '$a = "x" x (256 * 2 ** 20); print "eaten"'`];
    const [little, much] = await Promise.all(
      [64, 1024].map((memoryMiB) => runConfined('sh', eat, {files: [], limits: {cpuSeconds: 60, memoryMiB}})),
    );
    expect(little!.stdout.toString()).to.equal('');
    expect(much!.stdout.toString()).to.equal('eaten');
  });

  it('tells of its exit code and of the signal that ended it as a child would', async () => {
    const [code, signal] = await Promise.all(
      ['exit 42', 'kill -SEGV $$'].map((script) => runConfined('sh', ['-c', script], {files: [], limits})),
    );
    expect(code).to.deep.include({code: 42, signal: null});
    expect(signal).to.deep.include({code: null, signal: 'SIGSEGV'});
  });

  it('leaves no directory behind', async () => {
    const there = () => readdirSync('/dev/shm').filter((name) => name.startsWith('.tazpod-confined-'));
    // Of a test that was killed.
    const before = there();
    await runConfined('sh', ['-c', 'exit 3'], {files: [], limits});
    expect(there()).to.deep.equal(before);
  });

  it('does not run where the kernel does not confine it', async () => {
    const script = `
      import {runConfined} from '${source}';
      const ran = await runConfined('sh', ['-c', 'exit 0'], {files: [], limits: {cpuSeconds: 60}}).catch(({code}) => code);
      process.stdout.write(String(typeof ran === 'object' ? 'ran' : ran));`;
    const node = [process.execPath, '--input-type=module', '--eval', script];
    // Without the power to mount, and with it: the control.
    const [refused, confined] = await Promise.all(
      ['-all,+setpcap', '+all'].map((set) => run('setpriv', [`--bounding-set=${set}`, '--', ...node])),
    );
    expect([refused!.stdout.toString(), confined!.stdout.toString()]).to.deep.equal(['69', 'ran']);
  });

  describe('ends', () => {
    for (const [victim, kill] of [
      ['the ghost', (ghost: number) => process.kill(ghost, 'SIGKILL')],
      [
        'the process between the ghost and it',
        (ghost: number) => process.kill(descendantsOf(ghost)[0]!.pid, 'SIGKILL'),
      ],
      ['the first process of its namespace', (ghost: number) => process.kill(descendantsOf(ghost)[1]!.pid, 'SIGKILL')],
    ] as const) {
      it(`when ${victim} is killed, with all that it started`, async () => {
        const ghost = callSleep();
        const chain = await until('the program runs', () => {
          const found = descendantsOf(ghost.pid!);
          return found.some(isSleep) ? found : undefined;
        });
        kill(ghost.pid!);
        await until('all of it has ended', () => chain.every((one) => !isAlive(one)), {withinMs: 2000});
        ghost.kill('SIGKILL');
      });
    }

    it('before it has begun, if the ghost is gone before the kernel knows whom to kill', async () => {
      // To the program, a ghost with another pid than that of its grandparent is a ghost that has gone.
      const ghost = callSleep(`Object.defineProperty(process, 'pid', {value: 1});`);
      const outcome = await Promise.race([once(ghost, 'exit'), sleep(5000, ['still sleeps'])]);
      ghost.kill('SIGKILL');
      expect(outcome[0]).to.equal(0);
    });
  });

  it('is as powerless in the namespace of a user without root', async () => {
    const script = `
      import {runConfined} from '${source}';
      const look = "grep -E '^(CapEff|CapBnd|NoNewPrivs):' /proc/self/status; ls /dev; cat /etc/passwd; kill -0 ${process.pid} && echo reached";
      const {stdout} = await runConfined('sh', ['-c', look], {files: [], limits: {cpuSeconds: 60}});
      process.stdout.write(stdout);`;
    const node = [process.execPath, '--input-type=module', '--eval', script];
    const user = ['--reuid=1000', '--regid=1000', '--clear-groups', '--inh-caps=-all', '--bounding-set=-all'];
    const own = ['unshare', '--user', '--map-root-user', '--mount', '--'];
    const {stdout} = await run('setpriv', [...user, '--', ...own, ...node]);
    const zero = '0'.repeat(16);
    expect(stdout.toString()).to.equal(
      `CapEff:\t${zero}\nCapBnd:\t${zero}\nNoNewPrivs:\t1\nnull\nrandom\nurandom\nzero\n`,
    );
  });
});
