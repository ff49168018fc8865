import {existsSync} from 'node:fs';
import {expect} from 'chai';
import {identifyProcess, isAlive} from '../../../src/kernel/process.ts';
import {mountsAt, readMounts} from '../../../src/kernel/mountinfo.ts';
import {expectNothingLeft} from '../../bed/leftovers.ts';
import {makeOwner, needsRoot} from '../../bed/owner.ts';
import {openSession} from '../../bed/session.ts';
import type {BedUser} from '../../bed/user.ts';
import {makeVault, type TestVault} from '../../bed/vault.ts';
import {callByHand, makeMountPoint, planOf} from '../../isolation/by-hand.ts';

/** What the CLI puts behind the plan when it cleans. */
const further = ['--in-callers-namespace'];

describe('The privileged entry in its caller’s mount namespace', function () {
  this.timeout(180_000);
  let user: BedUser;
  let victim: BedUser;
  let vault: TestVault;
  let foreign: TestVault;

  before(async function () {
    needsRoot(this);
    [user, victim] = [makeOwner(), makeOwner()];
    [vault, foreign] = [await makeVault(user), await makeVault(victim)];
    makeMountPoint(vault);
  });

  afterEach(async () => {
    await expectNothingLeft(vault);
    await expectNothingLeft(foreign);
  });

  const cleanPlan = (image: string, ...actions: unknown[]) => ({version: 1, operation: 'clean', image, actions});

  it('opens nothing: mounts would be everybody’s', async () => {
    const {code, messages} = await callByHand(user, planOf(vault, 'true'), {further});
    expect(code).to.equal(77);
    expect(messages.filter(({say}) => say === 'open')).to.deep.equal([]);
  });

  it('neither looks at another user’s image nor cleans it', async () => {
    for (const plan of [{version: 1, operation: 'observe', image: foreign.image}, cleanPlan(foreign.image)]) {
      const {code, said} = await callByHand(user, plan, {further});
      expect(code, said).to.equal(77);
    }
  });

  it('ends no process of another user’s session, and unmounts nothing of the machine', async () => {
    const session = await openSession(foreign);
    const {init} = session.running;
    const {code, messages} = await callByHand(
      user,
      cleanPlan(
        vault.image,
        {do: 'signal', holder: {...init, command: 'sh'}, signal: 'SIGKILL'},
        {do: 'signal', holder: {...identifyProcess(process.pid)!, command: 'node'}, signal: 'SIGKILL'},
        {do: 'unmount', mountPoint: '/proc', pid: 1, lazy: true},
        {do: 'detach-loop', name: 'loop0'},
      ),
      {further},
    );
    expect(code).to.equal(0);
    const acted = messages.flatMap((message) => (message.say === 'acted' ? [message.outcome] : []));
    expect(acted.slice(0, 3)).to.deep.equal(['refused', 'refused', 'refused']);
    expect(acted[3]).to.be.oneOf(['refused', 'nothing']);
    expect([isAlive(init), existsSync('/proc/self')]).to.deep.equal([true, true]);
    expect(mountsAt(readMounts('self'), '/proc')).not.to.deep.equal([]);
    expect((await session.leave()).code).to.equal(0);
  });

  it('takes no action out of any other set', async () => {
    for (const action of [{do: 'run', command: 'id'}, {do: 'unmount', mountPoint: '/', pid: 1, lazy: true}, 'sync']) {
      const {code} = await callByHand(user, cleanPlan(vault.image, action), {further});
      expect(code).to.equal(65);
    }
  });
});
