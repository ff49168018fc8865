import {expect} from 'chai';
import {allowSudo, install} from './install.ts';
import {makeOwner, needsRoot} from './owner.ts';
import {runAs} from './run.ts';
import {needsSudoRs} from './sudo-rs.ts';
import {openTerminal} from './terminal.ts';
import {type BedUser, givePassword, makeUser} from './user.ts';

describe('The sudo that tests go through', () => {
  let owner: BedUser;

  before(function () {
    needsRoot(this);
    owner = makeOwner();
  });

  it("is configured by the distribution's sudoers file and one line of the test's", async () => {
    const {stdout} = await runAs(owner, ['sudo', '--non-interactive', '--list']);
    const [defaults, rules] = stdout.split('may run the following commands');
    for (const setting of ['env_reset', 'use_pty', 'secure_path=']) expect(defaults).to.include(setting);
    // Debian's own `%sudo` and `root` lines are not about this user.
    expect(rules!.split('\n').filter((line) => line.startsWith('    '))).to.deep.equal([
      `    (root) NOPASSWD: ${install().ghost}`,
    ]);
    expect(defaults).not.to.include('Command-specific');
  });

  it('asks a user with a password for it', async () => {
    const user = makeUser();
    const password = givePassword(user);
    allowSudo(user, {kind: 'password'});
    expect((await runAs(user, ['sudo', '--non-interactive', install().ghost])).stderr).to.match(/password is required/);
    const terminal = await openTerminal(user);
    terminal.enter(`sudo ${install().ghost}; echo done`);
    await terminal.shows(/password for/);
    terminal.enter(password);
    // The entry, called by hand: it has no plan.
    await terminal.shows(/tazpod: [^]*done/);
    terminal.close();
  });

  it('can be sudo-rs, for one command and nobody else', async function () {
    const within = needsSudoRs(this);
    const inside = await runAs(owner, ['sudo', '--version'], {within});
    expect(inside.stderr).to.match(/^sudo-rs 0\./);
    // The same sudoers files hold.
    expect((await runAs(owner, ['sudo', '--non-interactive', install().ghost], {within})).stderr).to.match(/^tazpod: /);
    expect((await runAs(owner, ['sudo', '--non-interactive', 'true'], {within})).code).to.equal(1);
    expect((await runAs(owner, ['sudo', '--version'])).stdout).to.match(/^Sudo version/);
  });
});
