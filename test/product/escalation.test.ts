import {spawnSync} from 'node:child_process';
import {expect} from 'chai';
import {fuseForAll} from '../bed/fuse-for-all.ts';
import {allowSudo, install} from '../bed/install.ts';
import {expectNothingLeft} from '../bed/leftovers.ts';
import {ownVault} from '../bed/own-vault.ts';
import {writeAs} from '../bed/ownership.ts';
import {runAs, tazpod} from '../bed/run.ts';
import {needsSudoRs, type SudoRs} from '../bed/sudo-rs.ts';
import {openTerminal} from '../bed/terminal.ts';
import {type BedUser, givePassword, makeUser} from '../bed/user.ts';
import {makeVault, type TestVault} from '../bed/vault.ts';

describe('A user who becomes root', function () {
  this.timeout(180_000);
  let owner: BedUser;
  let vault: TestVault;
  /** May become root with a password. */
  let admin: BedUser;
  let password: string;
  let adminsVault: readonly string[];
  /** May not. */
  let nobody: BedUser;
  let nobodysVault: readonly string[];

  before(async function () {
    ({owner, vault} = await ownVault(this));
    admin = makeUser({groups: ['sudo']});
    password = givePassword(admin);
    adminsVault = await vaultOf(admin);
    nobody = makeUser();
    nobodysVault = await vaultOf(nobody);
  });

  afterEach(() => expectNothingLeft(vault));

  /** A vault of a user who may not make one without typing a password. */
  async function vaultOf(user: BedUser): Promise<readonly string[]> {
    const revoke = allowSudo(user);
    const {image, passphraseFile} = await makeVault(user);
    revoke();
    return ['--image', image, '--passphrase-file', passphraseFile];
  }

  const map = ['sh', '-c', 'echo "<$(cat /proc/self/uid_map | tr -s " ")>"'];
  const sealed = / 0 0 4294967295>/;

  for (const name of ['sudo', 'sudo-rs'] as const) {
    describe(`through ${name}`, () => {
      let within: SudoRs = [];
      before(function () {
        if (name === 'sudo-rs') within = needsSudoRs(this);
      });

      it('without a password gets a sealed session', async () => {
        const {code, stdout, stderr} = await tazpod(owner, ['exec', ...vault.flags, '--', ...map], {within});
        expect({code, stderr}).to.deep.equal({code: 0, stderr: ''});
        expect(stdout).to.match(sealed);
      });

      it('with a password is asked for it on a terminal, and gets a sealed session', async () => {
        const terminal = await openTerminal(admin, {within});
        terminal.enter(`tazpod exec ${adminsVault.join(' ')} -- sh -c 'tr -s " " </proc/self/uid_map; echo end'`);
        await terminal.shows(/password/i);
        terminal.enter(password);
        const [screen] = await terminal.shows(/0 0 4294967295[^]*end/);
        expect(screen).not.to.include('private');
        terminal.close();
      });

      it('with a password, and no terminal to type it at, gets a message that says so', async () => {
        const args = ['exec', ...adminsVault, '--', ...map];
        const without = await tazpod(admin, args, {within: [...within, ...fuseForAll]});
        expect(without.stderr).to.match(/^warning: The isolation is private, not sealed: sudo needs a password/m);
        const refused = await tazpod(admin, [...args.slice(0, 1), '--isolation', 'sealed', ...args.slice(1)], {within});
        expect(refused.code, refused.stderr).to.equal(77);
        expect(refused.stderr).to.match(/^error: A sealed session needs root\.\n {2}Sudo needs a password/);
      });

      it('and may not gets the command that works without root', async () => {
        const secret = givePassword(nobody);
        const terminal = await openTerminal(nobody, {within});
        terminal.enter(`tazpod exec ${nobodysVault.join(' ')} -- true; echo "code=$?"`);
        // sudo asks before it says no, sudo-rs does not.
        if (name === 'sudo') {
          await terminal.shows(/password/i);
          terminal.enter(secret);
        }
        const [screen] = await terminal.shows(/error:[^]*code=\d+/);
        expect(screen).to.match(/sudo did not run the privileged half of TazPod/);
        expect(screen.replace(/\n/g, '')).to.include(
          `Next: tazpod vault unlock ${nobodysVault.slice(0, 2).join(' ')} --isolation private`,
        );
        expect(screen).to.match(/code=77/);
        terminal.close();
      });

      it('and breaks the question for the password off ends with 130', async () => {
        const terminal = await openTerminal(admin, {within});
        terminal.enter(`tazpod exec ${adminsVault.join(' ')} -- true; echo "code=$?"`);
        await terminal.shows(/password/i);
        terminal.press('C-c');
        await terminal.shows(/code=130/);
        terminal.close();
      });

      it('gets a rule from the doctor that this sudo accepts and that opens vaults without a password', async () => {
        const said = await tazpod(admin, ['doctor', '--sudoers'], {within});
        expect(said.code, said.stderr).to.equal(0);
        const file = writeAs(admin, `${admin.home}/rule`, said.stdout);
        const [program, ...args] = [...within, '/usr/sbin/visudo', '--check', `--file=${file}`];
        const {status, stdout, stderr} = spawnSync(program, args, {encoding: 'utf8'});
        expect(status, `${said.stdout}${stdout}${stderr}`).to.equal(0);

        const user = makeUser();
        const flags = await vaultOf(user);
        const revoke = allowSudo(user, {kind: 'doctor', dialect: name === 'sudo' ? 'sudo' : 'common'});
        const listed = await runAs(user, ['sudo', '--non-interactive', '--list', '--', install().ghost], {within});
        expect({code: listed.code, stderr: listed.stderr}).to.deep.equal({code: 0, stderr: ''});
        const opened = await tazpod(user, ['exec', ...flags, '--', ...map], {within});
        revoke();
        expect({code: opened.code, stderr: opened.stderr}).to.deep.equal({code: 0, stderr: ''});
        expect(opened.stdout).to.match(sealed);
      });
    });
  }

  it('is not told that sudo refuses where nothing can become root', async () => {
    const args = ['exec', '--isolation', 'sealed', ...vault.flags, '--', 'true'];
    const {code, stderr} = await runAs(owner, ['setpriv', '--no-new-privs', 'tazpod', ...args]);
    expect(code, stderr).to.equal(77);
    expect(stderr).to.include('This process has no_new_privs set, so it cannot become root.');
  });
});
