import {createHash, randomBytes} from 'node:crypto';
import {join} from 'node:path';
import {expect} from 'chai';
import {readProcessStatus} from '../../src/kernel/process-record.ts';
import {withOwnVault} from '../bed/own-vault.ts';
import {writeAs} from '../bed/ownership.ts';
import {runAs, type RunOptions, startTazpod, tazpod} from '../bed/run.ts';
import {untilOpen} from '../bed/session.ts';
import type {BedUser} from '../bed/user.ts';
import type {TestVault} from '../bed/vault.ts';

describe('A command run by exec', () => {
  let owner: BedUser;
  let vault: TestVault;

  withOwnVault((own) => ({owner, vault} = own));

  const exec = (command: readonly string[], options: RunOptions = {}) =>
    tazpod(owner, ['exec', ...vault.flags, '--', ...command], options);

  /** The same words for a shell script, in which a pipeline can stand before and behind them. */
  const inScript = () => `tazpod exec ${vault.flags.join(' ')} --`;

  it('gives its exit code', async () => {
    for (const code of [1, 79, 255]) expect((await exec(['sh', '-c', `exit ${code}`])).code).to.equal(code);
  });

  it('gives the signal it died of as 128+N', async () => {
    expect((await exec(['sh', '-c', 'kill -TERM $$'])).code).to.equal(143);
    expect((await exec(['sh', '-c', 'kill -KILL $$'])).code).to.equal(137);
  });

  it('reads standard input and writes standard output byte for byte, and standard error beside it', async () => {
    const input = randomBytes(300_000);
    const {code, stdout, stderr} = await exec(['sh', '-c', 'base64 -w0; seq 30000 >&2'], {stdin: input});
    expect(code).to.equal(0);
    expect(Buffer.from(stdout, 'base64').equals(input)).to.be.true;
    expect(stderr).to.match(/^1\n2\n[^]*\n30000\n$/);
  });

  it('has nothing of TazPod on its streams', async () => {
    expect(await exec(['sh', '-c', 'echo out; echo err >&2'])).to.include({code: 0, stdout: 'out\n', stderr: 'err\n'});
  });

  it('stands in a pipeline, before and behind others that end early', async () => {
    const bytes = randomBytes(2 ** 20);
    const file = writeAs(owner, join(owner.home, 'bytes'), bytes);
    const through = await runAs(owner, ['bash', '-c', `cat ${file} | ${inScript()} cat | sha256sum | cut -c1-64`]);
    expect(through.stdout.trim()).to.equal(createHash('sha256').update(bytes).digest('hex'));
    const early = await runAs(owner, ['bash', '-c', `yes | ${inScript()} head -n 1; echo \${PIPESTATUS[1]}`]);
    expect(early.stdout).to.equal('y\n0\n');
    const late = await runAs(owner, ['bash', '-c', `${inScript()} yes | head -n 1; echo \${PIPESTATUS[0]}`]);
    expect(late.stdout).to.equal('y\n141\n');
  });

  it('works with its standard streams closed', async () => {
    const {code, stderr} = await runAs(owner, ['bash', '-c', `${inScript()} true <&- >&-`]);
    expect(code, stderr).to.equal(0);
  });

  for (const [signal, code] of [
    ['SIGTERM', 143],
    ['SIGINT', 130],
    ['SIGHUP', 129],
  ] as const) {
    it(`dies of the ${signal} that the CLI gets, and the CLI returns ${code}`, async () => {
      const running = startTazpod(owner, ['exec', ...vault.flags, '--', 'sh', '-c', 'echo up; exec sleep 60']);
      await running.seen(/^up$/m);
      running.child.kill(signal);
      expect((await running.ended).code).to.equal(code);
    });
  }

  it('may mind a signal itself', async () => {
    const script = 'trap "echo minded; exit 5" USR1; echo up; while :; do sleep 0.05; done';
    const running = startTazpod(owner, ['exec', ...vault.flags, '--', 'sh', '-c', script]);
    await running.seen(/^up$/m);
    running.child.kill('SIGUSR1');
    expect(await running.ended).to.include({code: 5, stdout: 'up\nminded\n'});
  });

  it('gets its arguments as they were given', async () => {
    const words = ['two words', '', "it's", '"', '$HOME', '`id`', '\\', 'new\nline', '--json', '--', 'é', '--', '*'];
    const {stdout} = await exec(['printf', '<%s>', ...words]);
    expect(stdout).to.equal(words.map((word) => `<${word}>`).join(''));
  });

  it('keeps the environment and the working directory, and knows that it is in a ghost', async () => {
    const long = 'x'.repeat(100_000);
    const {stdout} = await exec(['sh', '-c', 'echo "$TAZPOD_GHOST_MODE $WORD ${#LONG} $HOME"; pwd; umask'], {
      cwd: '/usr/share',
      env: {WORD: "it's $(id)", LONG: long, LD_LIBRARY_PATH: '/nowhere'},
    });
    expect(stdout).to.equal(
      `true it's $(id) 100000 ${owner.home}\n/usr/share\n${readProcessStatus('self')!.umask!.toString(8).padStart(4, '0')}\n`,
    );
  });

  it('is refused in a working directory that is gone, with the command that helps', async () => {
    const script = `mkdir gone; cd gone; rmdir ../gone; exec ${inScript()} pwd`;
    const {code, stderr} = await runAs(owner, ['bash', '-c', script]);
    expect(code).to.equal(66);
    expect(stderr).to.match(/error: The working directory no longer exists\.\n.*\n {2}Next: cd\n/);
  });

  it('ignores no signal and blocks none', async () => {
    const {stdout} = await exec(['grep', '-E', 'Sig(Ign|Blk)', '/proc/self/status']);
    expect(stdout).to.equal('SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n');
  });

  it('is reported as JSON on standard error, since standard output is its own', async () => {
    const told = await tazpod(owner, ['exec', '--json', ...vault.flags, '--', 'sh', '-c', 'echo out; exit 3']);
    expect({code: told.code, stdout: told.stdout}).to.deep.equal({code: 3, stdout: 'out\n'});
    const {status, result, warnings} = JSON.parse(told.stderr) as Record<string, Record<string, unknown>>;
    expect({status, warnings}).to.deep.equal({status: 3, warnings: []});
    expect(result).to.deep.include({
      code: 3,
      image: vault.image,
      mountPoint: vault.mountPoint,
      engine: 'fuse',
      isolation: 'sealed',
    });
    expect(result!['uuid']).to.match(/^[0-9a-f-]{36}$/);
  });

  it('is over when the CLI is: nobody waits for it', async () => {
    const running = startTazpod(owner, ['exec', ...vault.flags, '--', 'sleep', '60']);
    await untilOpen(vault);
    running.child.kill('SIGKILL');
    await running.ended;
  });
});
