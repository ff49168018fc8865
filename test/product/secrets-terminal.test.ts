import {existsSync, mkdirSync} from 'node:fs';
import {join} from 'node:path';
import {expect} from 'chai';
import {expectNothingLeft} from '../bed/leftovers.ts';
import {ownVault} from '../bed/own-vault.ts';
import {chownTo, writeAs} from '../bed/ownership.ts';
import {giveOwnPlugin} from '../bed/plugins.ts';
import {runAs, tazpod} from '../bed/run.ts';
import {atGhostPrompt, openTerminal} from '../bed/terminal.ts';
import type {BedUser} from '../bed/user.ts';
import type {TestVault} from '../bed/vault.ts';

/** A store that has one secret: what was given at the login, and who gave it. */
const backend = `export default {
  contract: 1,
  async login({store}, request) {
    const identity = request.identity ?? (await request.ask('Who are you?'));
    const secret = request.secret ?? (await request.askSecret('Password:'));
    await store.write('session', secret);
    return {identity};
  },
  async readFolder({store}, {path}) {
    const value = await store.read('session');
    if (value === undefined) {
      throw Object.assign(new Error('x'), {tazpod: {kind: 'not-logged-in', what: 'Nobody is logged in to the safe.'}});
    }
    return {state: 'read', secrets: [{name: 'WORD', path, value}]};
  },
  async logout() {},
};
`;

describe('Secrets on a terminal', function () {
  this.timeout(180_000);
  let owner: BedUser;
  let vault: TestVault;
  let project: string;

  before(async function () {
    ({owner, vault} = await ownVault(this));
    giveOwnPlugin(owner, 'tazpod-safe', {
      'package.json': JSON.stringify({
        name: 'tazpod-safe',
        version: '1.0.0',
        type: 'module',
        oclif: {},
        tazpod: {contract: 1, secretBackends: {safe: './backend.js'}},
      }),
      'backend.js': backend,
    });
    project = join(owner.home, 'project');
    mkdirSync(project);
    chownTo(owner, project);
    writeAs(owner, join(project, 'secrets.yml'), 'backend: safe\nsecrets: [{name: WORD, env: WORD}]\n');
  });

  afterEach(() => expectNothingLeft(vault));

  it('are asked for unseen, pulled with a list of what happens, and not shown unasked', async () => {
    const terminal = await openTerminal(owner, {cwd: project});
    try {
      terminal.enter(`tazpod login ${vault.flags.join(' ')}`);
      await terminal.shows(/Who are you\? $/m);
      terminal.enter('me');
      await terminal.shows(/Password: ?$/m);
      terminal.type('wrongX');
      terminal.press('BSpace', 'C-u');
      terminal.enter('hunter22-hunter22');
      await terminal.shows(/Logged in to safe as me\.\s+outside> ?$/m);
      expect(terminal.screen(true)).not.to.include('hunter22');

      terminal.enter(`tazpod pull ${vault.flags.join(' ')}; echo "code=$?"`);
      await terminal.shows(atGhostPrompt);
      expect(terminal.screen()).to.match(
        /✔ Read safe \/: 1 secret\n✔ Switch to the new secrets: 0 files, 1 variable\nPulled/,
      );
      terminal.clear();

      terminal.enter('tazpod get WORD; tazpod __internal_env; tazpod env; tazpod status | tail -n 1; echo done');
      await terminal.shows(/^done$/m);
      expect(terminal.screen())
        .to.match(/tazpod get prints a secret on a terminal only with --reveal\./)
        .and.match(/tazpod env does not print secrets on a terminal\./)
        .and.match(/^Pulled just now: WORD$/m)
        .and.match(/^pulled {7}just now: 0 files, 1 variable$/m)
        .and.not.include('hunter22');
      terminal.clear();

      const script =
        'test -t 1 && stty size; printf "\\033[31mred\\033[0m $WORD\\n"; read -rp "say: " x; echo "<$x>"; exit 4';
      terminal.enter(`tazpod exec --redact -- bash -c '${script}'; echo "code=$?"`);
      await terminal.shows(/^40 120\s+red \*\*\*\s+say: $/m);
      terminal.enter('hello');
      await terminal.shows(/^<hello>\s+code=4$/m);
      terminal.enter('tazpod get WORD --reveal');
      await terminal.shows(/^hunter22-hunter22$/m);
      terminal.enter('tazpod get WRD');
      await terminal.shows(/No pulled secret is named WRD\.\s+Next: tazpod get WORD$/m);

      const twice = '[{name: WORD, env: WORD}, {name: WORD, as: OTHER_WORD, env: OTHER}]';
      writeAs(owner, join(project, 'secrets.yml'), `backend: safe\nsecrets: ${twice}\n`);
      terminal.enter('tazpod pull');
      await terminal.shows(/^To set them in this shell: eval "\$\(tazpod env\)"$/m);
      terminal.enter('eval "$(tazpod env)"; echo "${#OTHER}"');
      await terminal.shows(/^17$/m);
      terminal.enter('exit 0');
      await terminal.shows(/^code=0$/m);
    } finally {
      terminal.close();
    }
  });

  it('are pulled and logged in for where there is no vault yet: one is offered, and made when the user agrees', async () => {
    const fresh = join(owner.home, 'fresh');
    mkdirSync(fresh);
    chownTo(owner, fresh);
    writeAs(owner, join(fresh, 'secrets.yml'), 'backend: safe\nsecrets: [{name: WORD, env: WORD}]\n');
    const image = join(fresh, '.tazpod-vault/vault.img');
    const terminal = await openTerminal(owner, {cwd: fresh, env: {TAZPOD_SIZE: '32M'}});
    try {
      for (const command of ['pull', 'login']) {
        terminal.clear();
        terminal.enter(`tazpod ${command}; echo "code=$?"`);
        await terminal.shows(/There is no vault at \S+ Create one of 32 ?M\S*\? \[Y\/n\] ?$/m);
        terminal.enter('n');
        await terminal.shows(/error: There is no vault at[^]*Next: tazpod vault create\s+code=66$/m);
        expect(existsSync(image)).to.equal(false);
      }
      terminal.clear();
      terminal.enter('tazpod login; echo "code=$?"');
      await terminal.shows(/\[Y\/n\] ?$/m);
      terminal.enter('');
      await terminal.shows(/New passphrase for the vault/);
      terminal.enter(vault.passphrase);
      await terminal.shows(/Repeat passphrase/);
      terminal.enter(vault.passphrase);
      await terminal.shows(/Who are you\? $/m);
      terminal.enter('me');
      await terminal.shows(/Password: ?$/m);
      terminal.enter('third-word-third');
      await terminal.shows(/Logged in to safe as me\.\s+code=0$/m);
      expect(existsSync(image)).to.equal(true);
    } finally {
      terminal.close();
    }
    await expectNothingLeft({...vault, image});
  });

  it('come from standard input without a terminal, are forgotten at the logout, and were never outside', async () => {
    const login = ['login', ...vault.flags, '--client-id', 'robot', '--client-secret-file'];
    const {stdout, stderr} = await tazpod(owner, [...login, '-'], {cwd: project, stdin: 'other-word-other\nmore'});
    expect(stdout, stderr).to.equal('Logged in to safe as robot.\n');
    const asked = await tazpod(owner, ['login', ...vault.flags], {cwd: project});
    expect(asked)
      .to.include({code: 64})
      .and.have.property('stderr')
      .that.includes('TazPod cannot ask for the secret: there is no terminal.');
    const shell =
      'cat ~/secrets/.tazpod/backends/*/session; tazpod logout; tazpod pull || echo $?; ls ~/secrets/.tazpod/backends\n';
    const pulled = await tazpod(owner, ['pull', ...vault.flags], {cwd: project, stdin: shell});
    expect(pulled.stdout).to.match(/^(Pulled|Nothing has changed).*\nother-word-otherLogged out of safe\.\n77\n$/);
    expect(pulled.stderr).to.include('Nobody is logged in to the safe.\n  Next: tazpod login');
    const ours = `find ~ /tmp /var/tmp /dev/shm -xdev -user ${owner.uid} -type f -size -1M`;
    const left = await runAs(owner, ['sh', '-c', `${ours} -exec grep -laE 'hunter22|other-word' {} + 2>/dev/null`]);
    expect(left.stdout).to.equal('');
  });
});
