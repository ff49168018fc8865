import {existsSync, mkdirSync, readdirSync, symlinkSync, rmSync} from 'node:fs';
import {join} from 'node:path';
import {expect} from 'chai';
import {attendants} from '../bed/attendants.ts';
import {fuseForAll} from '../bed/fuse-for-all.ts';
import {expectNothingLeft} from '../bed/leftovers.ts';
import {atTheEnd} from '../bed/made-by.ts';
import {ownVault} from '../bed/own-vault.ts';
import {chownTo, writeAs} from '../bed/ownership.ts';
import {runAs, type RunOptions, tazpod} from '../bed/run.ts';
import {atPrompt, openTerminal} from '../bed/terminal.ts';
import {type BedUser, endProcessesOf} from '../bed/user.ts';
import type {TestVault} from '../bed/vault.ts';

describe('A session and the login around it', function () {
  this.timeout(180_000);
  let owner: BedUser;
  let vault: TestVault;
  let runtimeFolder: string;
  let login: Record<string, string>;

  before(async function () {
    ({owner, vault} = await ownVault(this));
    runtimeFolder = `/run/user/${owner.uid}`;
    mkdirSync(runtimeFolder, {recursive: true, mode: 0o700});
    chownTo(owner, runtimeFolder);
    atTheEnd(() => rmSync(runtimeFolder, {recursive: true, force: true}));
    login = {SSH_AUTH_SOCK: `${runtimeFolder}/agent`, XDG_RUNTIME_DIR: runtimeFolder};
    const key = join(owner.home, 'key');
    const code = `ssh-agent -a ${login['SSH_AUTH_SOCK']}; ssh-keygen -qt ed25519 -N '' -C outer -f ${key}; ssh-add -q ${key}`;
    const {stdout} = await runAs(owner, ['sh', '-c', code], {env: login});
    attendants.add(Number(/SSH_AGENT_PID=(\d+)/.exec(stdout)![1]));
  });

  after(() => endProcessesOf(owner.uid));

  afterEach(() => expectNothingLeft(vault));

  const exec = (code: string, flags: readonly string[] = [], options: RunOptions = {}) =>
    tazpod(owner, ['exec', ...vault.flags, ...flags, '--', 'bash', '--norc', '-c', code], {
      ...options,
      env: {...login, ...options.env},
    });

  for (const isolation of ['sealed', 'private'] as const) {
    describe(`with the isolation ${isolation}`, () => {
      const options: RunOptions = isolation === 'private' ? {within: fuseForAll} : {};
      const flags = ['--isolation', isolation];

      it('has an empty runtime directory of its own, of which nothing is seen outside', async () => {
        const code =
          'echo $XDG_RUNTIME_DIR; stat -c "%u %a" $XDG_RUNTIME_DIR; ls -A $XDG_RUNTIME_DIR; touch $XDG_RUNTIME_DIR/made';
        const {code: status, stdout, stderr} = await exec(code, flags, options);
        expect(status, stderr).to.equal(0);
        expect(stdout).to.equal(`${runtimeFolder}\n${owner.uid} 700\n`);
        expect(readdirSync(runtimeFolder)).to.deep.equal(['agent']);
      });

      it('does not reach the ssh-agent of the login, unless it is shared', async () => {
        const {stdout} = await exec('echo "[$SSH_AUTH_SOCK]"; ssh-add -l', flags, options);
        expect(stdout).to.equal('[]\n');
        const shared = await exec('ssh-add -l', [...flags, '--share', 'ssh-agent'], options);
        expect(shared.stdout, shared.stderr).to.match(/ outer \(ED25519\)$/m);
      });

      it('has directories of its own where git and OpenSSH put sockets in the home', async () => {
        const code = 'touch ~/.cache/git/credential/inside ~/.ssh/agent/inside && stat -c %a ~/.ssh/agent';
        const {stdout, stderr} = await exec(code, flags, options);
        expect(stdout, stderr).to.equal('700\n');
        expect(existsSync(join(owner.home, '.cache/git/credential/inside'))).to.equal(false);
        expect(existsSync(join(owner.home, '.ssh/agent/inside'))).to.equal(false);
      });
    });
  }

  it('shares what the user’s config.yaml names, and a flag takes the place of that', async () => {
    const folder = join(owner.home, '.config/tazpod');
    mkdirSync(folder, {recursive: true});
    for (const each of [join(owner.home, '.config'), folder]) chownTo(owner, each);
    const path = writeAs(owner, join(folder, 'config.yaml'), 'share: [ssh-agent]\n');
    try {
      expect((await exec('ssh-add -l')).stdout).to.include('outer');
      expect((await exec('ssh-add -l', ['--share', 'dbus'])).stdout).to.equal('');
    } finally {
      rmSync(path);
    }
  });

  it('gets a runtime directory in its own memory where the machine has no /run/user', async () => {
    const within = [
      'unshare',
      '--mount',
      '--propagation',
      'private',
      'sh',
      '-c',
      'mount -t tmpfs none /run && exec "$@"',
      'sh',
    ];
    const {stdout, stderr} = await exec('echo $XDG_RUNTIME_DIR; stat -c "%u %a" $XDG_RUNTIME_DIR', [], {
      env: {XDG_RUNTIME_DIR: owner.runtimeFolder},
      within,
    });
    expect(stdout, stderr).to.equal(`/dev/shm/.tazpod-run\n${owner.uid} 700\n`);
  });

  it('tells where a symbolic link keeps sockets from being kept apart', async () => {
    const folder = join(owner.home, '.cache');
    rmSync(folder, {recursive: true});
    symlinkSync('.elsewhere', folder);
    try {
      const {code, stderr} = await exec('true');
      expect(code).to.equal(0);
      expect(stderr).to.match(/TazPod cannot make ~\/\.cache\/git\/credential private/);
    } finally {
      rmSync(folder);
    }
  });

  it('keeps in the vault what was typed into programs that ask a variable for the place', async () => {
    const variables = [
      'HISTFILE',
      'LESSHISTFILE',
      'NODE_REPL_HISTORY',
      'PSQL_HISTORY',
      'PYTHON_HISTORY',
      'SQLITE_HISTORY',
    ];
    const {stdout, stderr} = await exec(
      `for name in ${variables.join(' ')}; do echo "\${!name}"; done; echo "[$fish_history]"`,
    );
    const lines = stdout.trim().split('\n');
    expect(lines.pop(), stderr).to.equal('[]');
    expect(lines).to.have.length(variables.length);
    for (const line of lines) expect(line).to.match(new RegExp(`^${vault.mountPoint}/\\.tazpod/history`));
  });

  it('leaves nothing in the home of what was typed into fish and Node', async () => {
    const terminal = await openTerminal(owner, {env: login});
    const open = `clear; tazpod exec ${vault.flags.join(' ')} --`;
    try {
      terminal.enter(`${open} fish --no-config`);
      await terminal.shows(/@\S+ ~> ?$/m);
      terminal.enter('echo typed-secret');
      await terminal.shows(/^typed-secret$/m);
      terminal.enter('exit');
      await terminal.shows(atPrompt);
      terminal.enter(`${open} node`);
      await terminal.shows(/^> ?$/m);
      terminal.enter('"typed-secret"');
      await terminal.shows(/^'typed-secret'$/m);
      terminal.enter('.exit');
      await terminal.shows(atPrompt);
    } finally {
      terminal.close();
    }
    const {stdout, stderr} = await exec('cat $NODE_REPL_HISTORY');
    expect(stdout, stderr).to.include('typed-secret');
    const {stdout: found} = await runAs(owner, ['grep', '-rls', 'typed-secret', owner.home]);
    expect(found).to.equal('');
  });
});
