import {existsSync, mkdirSync, readdirSync} from 'node:fs';
import {join} from 'node:path';
import {expect} from 'chai';
import {expectNothingLeft} from '../bed/leftovers.ts';
import {ownVault} from '../bed/own-vault.ts';
import {chownTo, writeAs} from '../bed/ownership.ts';
import {tazpod} from '../bed/run.ts';
import {openSession} from '../bed/session.ts';
import type {BedUser} from '../bed/user.ts';
import type {TestVault} from '../bed/vault.ts';

describe('Files in the mount point of a locked vault', function () {
  this.timeout(180_000);
  let owner: BedUser;
  let vault: TestVault;

  before(async function () {
    ({owner, vault} = await ownVault(this));
    mkdirSync(vault.mountPoint, {recursive: true});
    chownTo(owner, vault.mountPoint);
  });

  // Not before: what lies in the mount point is left there until it is moved.
  after(() => expectNothingLeft(vault));

  function writeOutside(name: string, content: string): void {
    const folder = join(vault.mountPoint, name, '..');
    mkdirSync(folder, {recursive: true});
    chownTo(owner, folder);
    writeAs(owner, join(vault.mountPoint, name), content);
  }

  const absorb = () => tazpod(owner, ['vault', 'absorb', '--json', ...vault.flags]);

  it('are reported at unlock, in the status and by the doctor, with the command that moves them', async () => {
    writeOutside('kubeconfig', 'token\n');
    const told =
      /\/secrets contains files outside the vault: "kubeconfig"\. They are not encrypted, and sessions do not see them\./;
    const {code, stderr} = await tazpod(owner, ['exec', ...vault.flags, '--', 'true']);
    expect(code, stderr).to.equal(0);
    expect(stderr).to.match(told);
    expect(stderr).to.include('Next: tazpod vault absorb');
    const status = await tazpod(owner, ['status', '--image', vault.image]);
    expect(status.stdout).to.match(told);
    const json = JSON.parse((await tazpod(owner, ['status', '--json', '--image', vault.image])).stdout) as {
      result: object;
    };
    expect(json.result).to.deep.include({stray: {mountPoint: vault.mountPoint, names: ['kubeconfig']}});
    const doctor = JSON.parse((await tazpod(owner, ['doctor', '--json'])).stdout) as {
      result: {findings: {id: string}[]};
    };
    expect(doctor.result.findings.find(({id}) => id === 'mount-point')).to.include({
      verdict: 'warning',
      fix: 'tazpod vault absorb',
    });
  });

  it('are not moved while the vault is open', async () => {
    const session = await openSession(vault);
    const refused = await absorb();
    expect(refused.code, refused.stderr).to.equal(75);
    await session.leave();
    expect(session.unlock.stderr()).to.include('contains files outside the vault');
    expect(readdirSync(vault.mountPoint)).to.deep.equal(['kubeconfig']);
  });

  it('are in the vault after absorb, under their names, and nothing of the vault is replaced', async () => {
    const seen = 'cd ~/secrets && cat kubeconfig .env ssh/id keep; find . -name "absorbed*"';
    await tazpod(owner, ['exec', ...vault.flags, '--', 'sh', '-c', 'echo mine >~/secrets/keep']);
    writeOutside('.env', 'A=1\n');
    writeOutside('ssh/id', 'key\n');
    writeOutside('keep', 'outside\n');
    const {code, stdout, stderr} = await absorb();
    expect(code, stderr).to.equal(0);
    const {result} = JSON.parse(stdout) as {result: unknown};
    expect(result).to.deep.equal({
      image: vault.image,
      mountPoint: vault.mountPoint,
      absorbed: ['.env', 'keep', 'kubeconfig', 'ssh'],
    });
    expect(stderr).to.match(
      /warning: The vault has "keep" already\. What lay outside is "absorbed-\d{14}\/keep" in it\./,
    );
    expect(readdirSync(vault.mountPoint)).to.deep.equal([]);
    expect(existsSync(join(owner.home, '.tazpod-absorb'))).to.equal(false);

    const inside = await tazpod(owner, ['exec', ...vault.flags, '--', 'sh', '-c', seen]);
    expect(inside.stdout, inside.stderr).to.match(/^token\nA=1\nkey\nmine\n\.\/absorbed-\d{14}\n$/);
    expect(inside.stderr).to.equal('');
    const kept = await tazpod(owner, ['exec', ...vault.flags, '--', 'sh', '-c', 'cat ~/secrets/absorbed-*/keep']);
    expect(kept.stdout).to.equal('outside\n');
  });

  it('do not exist, and absorb says so', async () => {
    const {code, stdout} = await tazpod(owner, ['vault', 'absorb', ...vault.flags]);
    expect({code, stdout}).to.deep.equal({
      code: 0,
      stdout: `${vault.mountPoint} contains no files outside the vault.\n`,
    });
  });
});
