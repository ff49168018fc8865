import {spawn} from 'node:child_process';
import {once} from 'node:events';
import {mkdirSync, rmSync} from 'node:fs';
import {join} from 'node:path';
import {createInterface} from 'node:readline';
import {expect} from 'chai';
import {expectNothingLeft} from '../bed/leftovers.ts';
import {makeOwner, needsRoot} from '../bed/owner.ts';
import {chownTo, writeAs} from '../bed/ownership.ts';
import {startAs, startTazpod, tazpod} from '../bed/run.ts';
import {untilOpen} from '../bed/session.ts';
import {atGhostPrompt, atPrompt, openTerminal} from '../bed/terminal.ts';
import type {BedUser} from '../bed/user.ts';
import {planVault, quickKdf, type TestVault} from '../bed/vault.ts';
import type {Watched} from '../children/secret-watch.ts';

/** Looks for a secret everywhere while `meanwhile` runs. */
async function watch(secret: string, folders: readonly string[], meanwhile: () => Promise<void>): Promise<Watched> {
  const program = join(import.meta.dirname, '../children/secret-watch.ts');
  const watcher = spawn(process.execPath, [program, Buffer.from(secret).toString('hex'), ...folders], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const lines = createInterface({input: watcher.stdout})[Symbol.asyncIterator]();
  expect((await lines.next()).value).to.equal('watching');
  try {
    await meanwhile();
  } finally {
    watcher.stdin.end();
  }
  const last = await lines.next();
  await once(watcher, 'exit');
  return JSON.parse(last.value as string) as Watched;
}

describe('The passphrase', () => {
  let owner: BedUser;
  let vault: TestVault;
  /** Where programs of this user and of root could write something down. */
  let folders: string[];
  let said = '';

  before(function () {
    needsRoot(this);
    owner = makeOwner();
    vault = planVault(owner);
    // It comes through a file that is not looked at, and later from the keyboard.
    const hidden = join(owner.home, 'hidden');
    mkdirSync(hidden);
    chownTo(owner, hidden);
    rmSync(vault.passphraseFile);
    folders = [
      '/tmp',
      '/var/tmp',
      '/dev/shm',
      owner.runtimeFolder,
      join(owner.home, '.cache'),
      join(vault.image, '..'),
    ];
  });

  afterEach(() => expectNothingLeft(vault));

  const stdin = () => ({stdin: `${vault.passphrase}\n`});
  const flags = () => ['--image', vault.image, '--passphrase-file', '-', '--debug'];

  async function run(args: readonly string[], options = {}): Promise<void> {
    const {code, stdout, stderr} = await tazpod(owner, args, options);
    expect(code, stderr).to.equal(0);
    said += stdout + stderr;
  }

  it('is in no argument, environment, temporary file or output while a vault is created, opened and locked', async () => {
    const {found, rounds, ghosts} = await watch(vault.passphrase, folders, async () => {
      await run(['vault', 'create', ...flags(), '--size', '32M', ...quickKdf], stdin());
      await run(['exec', ...flags(), '--', 'true'], stdin());
      const unlock = startTazpod(owner, ['unlock', ...flags()]);
      unlock.type(`${vault.passphrase}\n`);
      await untilOpen(vault);
      await run(['lock', '--image', vault.image, '--debug']);
      said += (await unlock.ended).stderr;
    });
    expect(found).to.deep.equal([]);
    expect(said).not.to.include(vault.passphrase);
    // It was debug output that was looked through, and the watch was awake.
    expect(said).to.match(/^\+ \/usr\/s?bin\//m);
    expect(rounds).to.be.at.least(20);
    expect(ghosts).to.be.at.least(5);
  });

  it('is in none of them when it is typed', async () => {
    const terminal = await openTerminal(owner);
    try {
      const {found} = await watch(vault.passphrase, folders, async () => {
        terminal.enter(`tazpod unlock --debug --image ${vault.image}`);
        await terminal.shows(/Passphrase for/);
        terminal.enter(vault.passphrase);
        await terminal.shows(atGhostPrompt);
        terminal.enter('exit');
        await terminal.shows(atPrompt);
      });
      // The terminal was driven through a program, which had it as an argument. That is the test's own doing.
      expect(found.filter((path) => path !== '/proc/N/cmdline')).to.deep.equal([]);
      expect(terminal.screen(true)).not.to.include(vault.passphrase);
    } finally {
      terminal.close();
    }
  });

  it('would be found in each of these places if it were there', async () => {
    const secret = vault.passphrase;
    const planted = join(owner.runtimeFolder, 'planted');
    const {found} = await watch(secret, folders, async () => {
      writeAs(owner, planted, `passphrase=${secret}\n`);
      const programs = [
        startAs(owner, ['sh', '-c', `echo planted; read -r _; : ${secret}`]),
        startAs(owner, ['sh', '-c', 'echo planted; read -r _'], {env: {PLANTED: secret}}),
      ];
      const inNamespace = 'mount -t tmpfs tmpfs /tmp; echo "$0" > /tmp/planted; exec sh -c "echo planted; read -r _"';
      const within = ['unshare', '--mount', '--propagation', 'private', 'sh', '-c'];
      const ghost = spawn(within[0]!, [...within.slice(1), inNamespace, secret], {stdio: ['pipe', 'pipe', 'inherit']});
      await Promise.all([...programs.map((program) => program.seen(/planted/)), once(ghost.stdout, 'data')]);
      // Long enough for a round that began after all of them were there.
      await new Promise((resolve) => setTimeout(resolve, 300));
      for (const program of programs) program.type('\n');
      ghost.stdin.end();
      await Promise.all([...programs.map(({ended}) => ended), once(ghost, 'exit')]);
      rmSync(planted);
    });
    expect(found).to.include.members([
      '/proc/N/cmdline',
      '/proc/N/environ',
      planted.replace(/\d+/g, 'N'),
      '/proc/N/root/tmp/planted',
    ]);
  });
});
