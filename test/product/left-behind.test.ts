import {expect} from 'chai';
import type {JsonEnvelope} from '../../src/cli/base-command.ts';
import type {SessionResult} from '../../src/vault/session.ts';
import {fuseForAll} from '../bed/fuse-for-all.ts';
import {withOwnVault} from '../bed/own-vault.ts';
import {tazpod} from '../bed/run.ts';
import {openSession} from '../bed/session.ts';
import {atGhostPrompt, atPrompt, openTerminal} from '../bed/terminal.ts';
import type {BedUser} from '../bed/user.ts';
import type {TestVault} from '../bed/vault.ts';

const told = /programs? of this session/;

describe('Programs that still run when a session ends', function () {
  this.timeout(180_000);
  let owner: BedUser;
  let vault: TestVault;

  withOwnVault((own) => ({owner, vault} = own));

  for (const isolation of ['sealed', 'private']) {
    const exec = (script: string, ...flags: string[]) =>
      tazpod(owner, ['exec', ...vault.flags, '--isolation', isolation, ...flags, '--', 'bash', '-c', script], {
        within: fuseForAll,
      });

    it(`are named once, and end with it (${isolation})`, async () => {
      const script =
        'sleep 1000 & setsid sleep 2000 & sleep 3000 & sleep 1; kill -STOP $!; exec -a "$(printf "\\033[2Jgone\\n")" sleep 4000 & sleep 1; exit 3';
      const {code, stderr} = await exec(script);
      expect(code).to.equal(3);
      const names = /^warning: 4 programs of this session were still running and were ended: (.*)\.\n$/.exec(stderr);
      expect(names?.[1]!.split(', ').sort(), stderr).to.deep.equal(['\\u{1b}[2Jgone', 'sleep (3)']);
      const answered = await exec('node -e "setTimeout(() => {}, 1e6)" & sleep 1000 & sleep 1; exit 3', '--json');
      const {warnings} = JSON.parse(answered.stderr) as JsonEnvelope<SessionResult>;
      expect(warnings).to.have.length(1);
      expect(warnings[0]).to.match(/^2 programs .*: (sleep, node|node, sleep)\.$/);
    });

    it(`are not mentioned if none exist, or if they end by themselves (${isolation})`, async () => {
      for (const script of [
        'true',
        'sleep 0.03 & exit 0',
        'echo x | (exec >&-; sleep 0.02) & exit 0',
        '(sleep 0 &) ; exit 0',
      ]) {
        const {code, stderr} = await exec(script);
        expect([code, stderr], script).to.deep.equal([0, '']);
      }
    });
  }

  it('are not spoken of when the vault is locked, or while another shell goes on', async () => {
    const session = await openSession(vault);
    const joined = await tazpod(owner, [
      'exec',
      ...vault.flags,
      '--',
      'sh',
      '-c',
      'sleep 1000 >/dev/null 2>&1 & exit 0',
    ]);
    expect([joined.code, joined.stderr]).to.deep.equal([0, '']);
    expect((await tazpod(owner, ['lock', '--image', vault.image])).code).to.equal(0);
    const {code, stderr} = await session.unlock.ended;
    expect(code).to.equal(79);
    expect(stderr).to.not.match(told);
  });

  it('are named on the terminal, below the steps of the close', async () => {
    const terminal = await openTerminal(owner);
    try {
      terminal.enter(`tazpod unlock ${vault.flags.join(' ')}`);
      await terminal.shows(atGhostPrompt);
      terminal.enter('sleep 1000 &');
      await terminal.shows(/^\[1\] \d+/m);
      terminal.clear();
      terminal.enter('exit');
      await terminal.shows(
        /^warning: 1 program of this session was still running and was ended: sleep\.\n[^]*^outside> ?$/m,
      );
      await terminal.shows(atPrompt);
    } finally {
      terminal.close();
    }
  });
});
