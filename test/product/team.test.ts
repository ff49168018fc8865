import {chmodSync, existsSync, mkdirSync, readdirSync, readFileSync} from 'node:fs';
import {join} from 'node:path';
import {expect} from 'chai';
import {root} from '../../scripts/setup.js';
import {installPublished, packCore} from '../bed/global-install.ts';
import {allowSudo, type Install, makeInstallFolder} from '../bed/install.ts';
import {expectNothingLeft} from '../bed/leftovers.ts';
import {makeOwner, needsRoot} from '../bed/owner.ts';
import {chownTo, writeAs} from '../bed/ownership.ts';
import {type Registry, startRegistry} from '../bed/registry.ts';
import {type Ended, runAs} from '../bed/run.ts';
import {openTerminal, type TestTerminal} from '../bed/terminal.ts';
import {until} from '../bed/until.ts';
import type {BedUser} from '../bed/user.ts';
import {makeVault, type TestVault} from '../bed/vault.ts';

/** A start-up file as people have them. */
const startUp = "unset HISTFILE\nbind 'set enable-bracketed-paste off'\nPS1='here> '\n";

const outside = /^here> ?$/m;
const inside = /^👻 here> ?$/mu;

/** Stands for an AI agent: it says where it runs, and remembers. */
const agent = '#!/bin/sh\necho "agent: ghost=$TAZPOD_GHOST_MODE args=$*"\necho remembered >>~/.claude/memory\n';

describe('A new member of a team, with nothing but a registry', function () {
  this.timeout(240_000);
  let registry: Registry;
  let copy: Install;
  let user: BedUser;
  let vault: TestVault;
  let terminal: TestTerminal | undefined;
  let environment: Record<string, string>;

  before(async function () {
    needsRoot(this);
    registry = await startRegistry();
    registry.publish(packCore());
    for (const plugin of ['agents', 'bash']) registry.publish(join(root, `plugins/tazpod-${plugin}`));
    registry.publish(join(root, 'test/fixtures/tazpod-team-pack'));

    user = makeOwner();
    copy = installPublished('tazpod', registry, makeInstallFolder());
    allowSudo(user, {kind: 'doctor', copy});
    mkdirSync(join(user.home, 'bin'));
    chownTo(user, join(user.home, 'bin'));
    chmodSync(writeAs(user, join(user.home, 'bin/claude'), agent), 0o755);
    writeAs(user, join(user.home, '.bashrc'), startUp);
    vault = await makeVault(user);
    environment = {
      ...registry.environment,
      PATH: `${user.home}/bin:${copy.path}:/usr/bin:/bin`,
      TAZPOD_IMAGE: vault.image,
      TAZPOD_PASSPHRASE_FILE: vault.passphraseFile,
    };
  });

  after(async () => {
    terminal?.close();
    await registry.stop();
  });

  const type = (...args: string[]): Promise<Ended> => runAs(user, ['tazpod', ...args], {env: environment});

  async function expectDone(...args: string[]): Promise<void> {
    const {code, stderr} = await type(...args);
    expect(code, stderr).to.equal(0);
  }

  async function open(): Promise<TestTerminal> {
    terminal?.close();
    terminal = await openTerminal(user, {prompt: outside, env: environment});
    return terminal;
  }

  it('types one line for all of the team’s plugins, and one for the shell', async () => {
    await expectDone('plugins:install', '@team/tazpod-pack');
    await expectDone('shell', 'install', 'bash');
    expect(readFileSync(join(user.home, '.bashrc'), 'utf8'))
      .to.include(startUp.trimEnd())
      .and.not.equal(startUp);
  });

  it('is kept from running an agent outside, and has it with its memory inside, where nobody else sees it', async () => {
    const at = await open();
    at.enter('claude');
    await at.shows(/runs inside the vault only[^]*Open the vault for it\? \[Y\/n\] ?$/m);
    at.enter('n');
    await at.shows(/\] n\s+here> ?$/m);
    expect(at.screen()).not.to.include('agent:');

    at.enter('tazpod unlock');
    await at.shows(inside);
    at.enter('claude --resume');
    await at.shows(/^agent: ghost=true args=--resume$/m);
    at.enter('cat ~/.claude/memory');
    await at.shows(/^remembered$/m);
    expect(readdirSync(join(user.home, '.claude'))).to.deep.equal([]);
  });

  it('stays in the shell when the vault is locked, and leaves it with the ghost’s end', async () => {
    const at = terminal!;
    await expectDone('lock', '--image', vault.image);
    await at.shows(/^here> ?$/m);
    at.clear();
    at.enter('tazpod unlock');
    await at.shows(inside);
    at.enter('exit');
    await until('the terminal is closed', () => at.hasEnded(), {seen: () => at.screen()});
    at.close();
    await expectNothingLeft(vault);
  });

  it('takes all of it out again, and has the dotfiles of before', async () => {
    await expectDone('shell', 'uninstall', 'bash');
    await expectDone('plugins:uninstall', '@team/tazpod-pack');
    expect(readFileSync(join(user.home, '.bashrc'), 'utf8')).to.equal(startUp);
    const {stdout} = await type('plugins', '--json');
    expect((JSON.parse(stdout) as {result: unknown[]}).result).to.deep.equal([]);
    expect(existsSync(join(user.home, '.local/share/tazpod/node_modules/tazpod-agents'))).to.be.false;
  });
});
