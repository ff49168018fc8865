import {expect} from 'chai';
import {readOpenVaults} from '../../src/kernel/open-vaults.ts';
import {expectNothingLeft} from '../bed/leftovers.ts';
import {makeOwner, needsRoot} from '../bed/owner.ts';
import {whole} from '../../scripts/sample.js';
import {tazpod} from '../bed/run.ts';
import {openSession, type TestSession} from '../bed/session.ts';
import type {BedUser} from '../bed/user.ts';
import {makeVault, type TestVault} from '../bed/vault.ts';

/** Fewer where not everything is played. */
const [vaultCount, shellCount] = whole ? [20, 50] : [8, 20];

/** How many are opened beside each other: as many as a small machine starts without waiting. */
const atOnce = 5;

describe('At scale', function () {
  this.timeout(300_000);
  let owner: BedUser;

  before(function () {
    needsRoot(this);
    owner = makeOwner();
  });

  it(`${vaultCount} vaults are open at once, each with its own files, and all of them close`, async () => {
    const vaults: TestVault[] = [];
    for (let count = 0; count < vaultCount; count++) {
      vaults.push(await makeVault(owner, {mountPoint: `${owner.home}/secrets-${count}`}));
    }
    const sessions = await inBatches(vaults, (vault) => openSession(vault));
    for (const session of sessions) {
      await session.ask(`echo ${session.vault.image} >${session.vault.mountPoint}/name`);
    }
    for (const session of sessions) {
      const {image, mountPoint} = session.vault;
      expect((await session.ask(`cat ${mountPoint}/name`)).output).to.equal(`${image}\n`);
    }
    const list = await tazpod(owner, ['vault', 'list', '--json']);
    const {result} = JSON.parse(list.stdout) as {result: {image: string; state: string}[]};
    expect(result.map(({image}) => image)).to.have.members(vaults.map(({image}) => image));
    for (const session of sessions) expect((await session.leave()).code).to.equal(0);
    for (const vault of vaults) await expectNothingLeft(vault);
  });

  it(`one vault serves ${shellCount} shells, and closes with the last`, async () => {
    const vault = await makeVault(owner);
    const first = await openSession(vault);
    const others = await inBatches(Array.from({length: shellCount - 1}), () => openSession(vault));
    await first.ask('echo shared >~/secrets/note');
    for (const other of others) expect((await other.ask('cat ~/secrets/note')).output).to.equal('shared\n');
    expect(readOpenVaults().filter(({image}) => image === vault.image)).to.have.length(1);
    for (const session of others) expect((await session.leave()).code).to.equal(0);
    expect((await first.leave()).code).to.equal(0);
    await expectNothingLeft(vault);
  });
});

async function inBatches<T>(items: readonly T[], open: (item: T) => Promise<TestSession>): Promise<TestSession[]> {
  const sessions: TestSession[] = [];
  for (let start = 0; start < items.length; start += atOnce) {
    sessions.push(...(await Promise.all(items.slice(start, start + atOnce).map(open))));
  }
  return sessions;
}
