import {spawnSync} from 'node:child_process';
import {existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, truncateSync} from 'node:fs';
import {dirname, join} from 'node:path';
import {expect} from 'chai';
import type {BridgePlan, OpenPlan} from '../../src/lifecycle/plan.ts';
import {fuseForAll} from '../bed/fuse-for-all.ts';
import {install} from '../bed/install.ts';
import {expectNothingLeft} from '../bed/leftovers.ts';
import {makeOwner, needsRoot} from '../bed/owner.ts';
import {chownTo, writeAs} from '../bed/ownership.ts';
import {kill, processTree} from '../bed/process-tree.ts';
import {startAs, tazpod} from '../bed/run.ts';
import {until} from '../bed/until.ts';
import type {BedUser} from '../bed/user.ts';
import {makeVault, type TestVault} from '../bed/vault.ts';
import {callByHand, type HandEnded, type HandOptions, planOf} from '../isolation/by-hand.ts';

describe('A bridge', function () {
  this.timeout(180_000);
  let owner: BedUser;
  let vault: TestVault;

  before(function () {
    needsRoot(this);
    owner = makeOwner();
  });

  beforeEach(async () => {
    vault = await makeVault(owner);
    rmSync(join(owner.home, '.agent'), {recursive: true, force: true});
  });

  afterEach(() => expectNothingLeft(vault));

  const agent: BridgePlan = {home: '.agent', vault: '.memory/agent'};

  /** Opens the vault with bridges for a line of shell code. */
  function open(script: string, bridges: readonly BridgePlan[] = [agent], options: HandOptions = {}) {
    return callByHand(owner, planFor(script, bridges), options);
  }

  function planFor(script: string, bridges: readonly BridgePlan[]): OpenPlan {
    const plan = planOf(vault, 'sh', '-c', script);
    const environment = {HOME: owner.home, PATH: '/usr/bin:/bin'};
    return {...plan, bridges, session: {...plan.session!, environment}};
  }

  const warningsOf = ({messages}: HandEnded) => messages.flatMap((each) => (each.say === 'warning' ? each.text : []));

  function writeOutside(name: string, content: string | Buffer): void {
    const path = join(owner.home, '.agent', name);
    for (const folder of [join(owner.home, '.agent'), dirname(path)]) {
      mkdirSync(folder, {recursive: true});
      chownTo(owner, folder);
    }
    writeAs(owner, path, content);
  }

  /** What the user finds outside. */
  const outside = () => readdirSync(join(owner.home, '.agent'));

  for (const isolation of ['sealed', 'private'] as const) {
    describe(`in a ${isolation} ghost`, () => {
      const options = (): HandOptions =>
        isolation === 'private' ? {command: [install().ghost], within: fuseForAll} : {};

      it('has the same content in every session, and outside there is an empty directory', async () => {
        const waits = 'touch ~/up; while [ ! -e ~/go ]; do sleep 0.02; done; rm ~/up ~/go';
        const first = open(
          `echo remembered >~/.agent/memory; grep ' /.*/[.]agent ' /proc/self/mountinfo; ${waits}`,
          [agent],
          options(),
        );
        await until('the session waits', () => existsSync(join(owner.home, 'up')));
        expect(outside()).to.deep.equal([]);
        expect(statSync(join(owner.home, '.agent')).mode & 0o777).to.equal(0o700);
        writeAs(owner, join(owner.home, 'go'), '');
        const {code, stdout, stderr} = await first;
        expect(code, stderr).to.equal(0);
        expect(stdout).to.match(/ rw,nosuid,nodev/);
        expect(outside()).to.deep.equal([]);
        const second = await open('cat ~/.agent/memory ~/secrets/.memory/agent/memory', [agent], options());
        expect(second.stdout, second.stderr).to.equal('remembered\nremembered\n');
        expect(warningsOf(second)).to.deep.equal([]);
      });

      it('moves in what was outside, once, and says so', async () => {
        writeOutside('token', 'secret');
        writeOutside('sub/state', 'x'.repeat(100_000));
        symlinkSync('sub/state', join(owner.home, '.agent/link'));
        const first = await open(
          'cat ~/.agent/token; readlink ~/.agent/link; wc -c <~/.agent/link',
          [agent],
          options(),
        );
        expect(first.stdout, first.stderr).to.equal('secretsub/state\n100000\n');
        expect(warningsOf(first)).to.deep.equal([
          '~/.agent is now in the vault: TazPod moved its files (4 entries, 98 KiB) there.',
        ]);
        expect(outside()).to.deep.equal([]);
        const second = await open('cat ~/.agent/token; ls -A ~/secrets ~/secrets/.tazpod/bridges', [agent], options());
        expect(second.stdout, second.stderr)
          .to.match(/^secret/)
          .and.not.to.include('from-home');
        expect(warningsOf(second)).to.deep.equal([]);
      });
    });
  }

  it('moves what is new outside beside what the vault has', async () => {
    writeOutside('token', 'first');
    await open('true');
    writeOutside('token', 'second');
    const ended = await open('cat ~/.agent/token ~/secrets/.memory/agent.from-home-1/token');
    expect(ended.stdout, ended.stderr).to.equal('firstsecond');
    expect(warningsOf(ended).join()).to.match(
      /TazPod moved them to \S*\/secrets\/\.memory\/agent\.from-home-1; please compare/,
    );
  });

  it('is left out where the vault has no room, and the vault opens without it', async () => {
    writeOutside('token', 'secret');
    writeOutside('large', '');
    truncateSync(join(owner.home, '.agent/large'), 2 ** 30);
    const ended = await open('cat ~/.agent/token');
    expect(ended.stdout, ended.stderr).to.equal('secret');
    expect(warningsOf(ended).join()).to.match(
      /~\/\.agent is not bridged, and its files stay outside the vault.*no space for its 1025 MiB/,
    );
    expect(outside().sort()).to.deep.equal(['large', 'token']);
  });

  it('is left out where root has put something that the user may not read', async () => {
    writeOutside('token', 'secret');
    writeOutside('roots', 'root');
    spawnSync('chown', ['root', join(owner.home, '.agent/roots')]);
    const ended = await open('cat ~/.agent/token');
    expect(ended.stdout, ended.stderr).to.equal('secret');
    expect(warningsOf(ended).join()).to.match(/~\/\.agent\/roots: it cannot be read/);
    expect(outside().sort()).to.deep.equal(['roots', 'token']);
  });

  it('after SIGKILL to everything while it moves, everything is there the next time', async () => {
    const content = Buffer.alloc(6 * 2 ** 20, 'content ');
    let interrupted = 0;
    for (const delayMs of [0, 60]) {
      rmSync(join(owner.home, '.agent'), {recursive: true, force: true});
      vault = await makeVault(owner);
      for (let index = 0; index < 6; index++)
        writeOutside(`file-${index}`, content.subarray(index * 2 ** 20, (index + 1) * 2 ** 20));
      const ended = open('touch ~/opened');
      const tree = () => processTree(process.pid).slice(1);
      await until('it moves', () => tree().some(({command}) => command.includes('bridge-worker')));
      await new Promise((resolve) => setTimeout(resolve, delayMs));
      const killed = tree();
      for (const each of killed.toReversed()) kill(each);
      await ended;
      await expectNothingLeft(vault, {processes: killed});
      if (!existsSync(join(owner.home, 'opened'))) interrupted += 1;
      rmSync(join(owner.home, 'opened'), {force: true});

      const next = await open('cat ~/.agent/file-* | sha256sum; ls -A ~/secrets/.memory');
      const sum = spawnSync('sha256sum', {input: content, encoding: 'utf8'}).stdout;
      expect(next.stdout, next.stderr).to.equal(`${sum}agent\n`);
      expect(outside()).to.deep.equal([]);
    }
    expect(interrupted).to.be.above(0);
  });

  it('that is moved away in the home ends the session: what follows would be outside', async () => {
    const ended = open('touch ~/up; sleep 60');
    await until('the session waits', () => existsSync(join(owner.home, 'up')));
    spawnSync('mv', [join(owner.home, '.agent'), join(owner.home, '.elsewhere')]);
    expect((await ended).code).not.to.equal(0);
    rmSync(join(owner.home, 'up'));
    rmSync(join(owner.home, '.elsewhere'), {recursive: true});
  });

  const hostile: Readonly<Record<string, readonly BridgePlan[]>> = {
    'over the mount point': [{home: 'secrets', vault: 'x'}],
    'in the mount point': [{home: 'secrets/x', vault: 'x'}],
    'over the directory of the image': [{home: 'IMAGE', vault: 'x'}],
    'in TazPod’s own part of the vault': [{home: '.agent', vault: '.tazpod/tmp'}],
    'over TazPod’s configuration': [{home: '.config', vault: 'config'}],
    'in another one': [agent, {home: '.agent/sub', vault: 'x'}],
    'to the same place in the vault': [agent, {home: '.other', vault: agent.vault}],
  };
  for (const [name, bridges] of Object.entries(hostile)) {
    it(`${name} is refused, and nothing is touched`, async () => {
      writeOutside('token', 'secret');
      const folder = vault.image.slice(owner.home.length + 1).split('/')[0]!;
      const ended = await open(
        'true',
        bridges.map(({home, vault: place}) => ({home: home.replace('IMAGE', folder), vault: place})),
      );
      expect(ended.code, ended.stderr).to.equal(77);
      expect(ended.said).to.match(/The bridge of \S+ is refused: /);
      expect(readFileSync(join(owner.home, '.agent/token'), 'utf8')).to.equal('secret');
    });
  }

  it('whose place is a symbolic link is refused: none is followed', async () => {
    mkdirSync(join(owner.home, 'real'), {recursive: true});
    chownTo(owner, join(owner.home, 'real'));
    writeAs(owner, join(owner.home, 'real/token'), 'secret');
    symlinkSync('real', join(owner.home, '.agent'));
    const ended = await open('true');
    expect(ended.code, ended.stderr).to.equal(77);
    expect(ended.said).to.include('a symbolic link or a file');
    expect(readdirSync(join(owner.home, 'real'))).to.deep.equal(['token']);
  });

  describe('of the configuration', () => {
    const exec = (command: string) => tazpod(owner, ['exec', ...vault.flags, '--', 'sh', '-c', command]);

    function configure(...lines: readonly string[]): void {
      for (const folder of ['.config', '.config/tazpod']) {
        mkdirSync(join(owner.home, folder), {recursive: true});
        chownTo(owner, join(owner.home, folder));
      }
      writeAs(owner, join(owner.home, '.config/tazpod/config.yaml'), `${['bridges:', ...lines].join('\n')}\n`);
    }

    after(() => rmSync(join(owner.home, '.config'), {recursive: true}));

    it('is there in what the CLI opens, which tells the user what was moved', async () => {
      configure('  - {home: .agent, vault: agent}');
      writeOutside('token', 'secret');
      const {code, stdout, stderr} = await exec('cat ~/.agent/token ~/secrets/agent/token');
      expect({code, stdout}, stderr).to.deep.equal({code: 0, stdout: 'secretsecret'});
      expect(stderr).to.match(/warning: ~\/\.agent is now in the vault: .*1 entry/);
      expect(outside()).to.deep.equal([]);
    });

    it('is left out while a program of the user’s writes to what is there', async () => {
      configure('  - {home: .agent, vault: agent}');
      writeOutside('log', 'one\n');
      const log = join(owner.home, '.agent/log');
      const program = startAs(owner, ['sh', '-c', `exec >>${log}; echo two; exec sleep 60`]);
      await until('it writes', () => readFileSync(log, 'utf8') === 'one\ntwo\n');
      const ended = await exec('cat ~/.agent/log');
      expect(ended.stdout, ended.stderr).to.equal('one\ntwo\n');
      expect(ended.stderr).to.match(/~\/\.agent is not bridged, .*: process \d+ has "log" in it open for writing/);
      expect(outside()).to.deep.equal(['log']);
      program.child.kill('SIGKILL');
      await program.ended;
      expect((await exec('cat ~/.agent/log')).stdout).to.equal('one\ntwo\n');
      expect(outside()).to.deep.equal([]);
    });

    it('is refused with 78 where it cannot be, with the line that asks for it', async () => {
      configure('  - {home: .agent, vault: agent}', '  - {home: secrets, vault: x}');
      const {code, stderr} = await exec('true');
      expect(code).to.equal(78);
      expect(stderr).to.match(/error: The bridge from "secrets" .*config\.yaml:\d+ asks for it\.\n.*mount point/);
    });

    it('is refused with 78 where it is no relative path', async () => {
      for (const path of ['../other', '/etc', '.', 'a/../b']) {
        configure(`  - {home: ${path}, vault: x}`);
        const {code, stderr} = await exec('true');
        expect(code, path).to.equal(78);
        expect(stderr, path).to.match(/config\.yaml:2:\d+.*relative path/);
      }
    });
  });
});
