import {spawnSync} from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmdirSync,
  symlinkSync,
} from 'node:fs';
import {dirname, join} from 'node:path';
import {readMounts} from '../../src/kernel/mountinfo.ts';
import {exitCode} from '../../src/foundation/exit-code.ts';
import {expectNothingLeft} from '../bed/leftovers.ts';
import {makeOwner, needsRoot} from '../bed/owner.ts';
import {chownTo, writeAs} from '../bed/ownership.ts';
import {type Background, startAs} from '../bed/run.ts';
import {openSession} from '../bed/session.ts';
import {type BedUser, makeUser} from '../bed/user.ts';
import {makeVault, type TestVault} from '../bed/vault.ts';
import {callByHand, makeMountPoint, planOf} from './by-hand.ts';
import {layPrograms} from './intruder.ts';
import {type Row, testRows} from './matrix.ts';
import type {Seen} from './seen.ts';
import {openPlainWorld} from './worlds.ts';

type Worlds = {
  readonly user: BedUser;
  /** Somebody else, who lets everybody look. */
  readonly victim: BedUser;
  readonly vault: TestVault;
  /** A vault of the victim's, of which the attacker knows the passphrase. */
  readonly victims: string;
  /** A private file of the victim's. */
  readonly others: string;
};

type Plan = ReturnType<typeof planOf>;
type Names = (worlds: Worlds) => readonly [name: string, other: string];

const lookFirst = 'opening first and looking at what is open: a program of root’s that does it the other way round';

/** How often the entry is called while names are exchanged under it. */
const calls = 6;

describe('A process of the same user that changes what names lead to', () => {
  let worlds: Worlds | undefined;

  before(async function () {
    needsRoot(this);
    const [user, victim] = [makeOwner(), makeUser()];
    layPrograms(user);
    const vault = await makeVault(user);
    makeMountPoint(vault);
    chmodSync(victim.home, 0o755);
    const victims = join(victim.home, 'vault.img');
    copyFileSync(vault.image, victims);
    chmodSync(victims, 0o666);
    chownTo(victim, victims);
    mkdirSync(join(victim.home, 'folder'), {mode: 0o755});
    chownTo(victim, join(victim.home, 'folder'));
    const others = writeAs(victim, join(victim.home, 'private'), 'private');
    worlds = {user, victim, vault, victims, others};
  });

  /** Calls the entry while two names are exchanged, and judges each call by what the session says of its mounts. */
  async function race(each: Worlds, names: Names, change: (plan: Plan) => unknown): Promise<Seen> {
    const {user, victim, vault} = each;
    const pair = names(each);
    const swapper = await startSwapper(user, pair);
    const codes = new Set<number>();
    let foreign: string | undefined;
    for (let call = 0; call < calls; call++) {
      const ended = await callByHand(user, change(planOf(vault, 'cat', '/proc/self/mountinfo')));
      codes.add(ended.code);
      if (ended.stdout.includes(` ${victim.home}`)) foreign = 'a mount in the home of somebody else';
      if (ended.stdout.includes(' /etc/skel')) foreign = 'a mount in /etc';
      // The machine's own table: nothing of this may ever be there.
      if (readMounts('self').some(({mountPoint}) => mountPoint.startsWith(`${user.home}/`)))
        foreign = 'a mount outside';
    }
    await end(swapper, pair);
    return {got: foreign !== undefined, what: foreign ?? `ended with ${[...codes].sort().join(', ')}`};
  }

  /** The same exchange against a program that looks first and opens afterwards. */
  async function careless(each: Worlds, names: Names): Promise<Seen> {
    const pair = names(each);
    const swapper = await startSwapper(each.user, pair);
    const program = join(each.user.home, 'careless.pl');
    const {stdout} = spawnSync('perl', [program, pair[0], String(each.user.uid)], {encoding: 'utf8', timeout: 30_000});
    await end(swapper, pair);
    return {got: stdout.trim() === 'tricked', what: stdout.trim()};
  }

  /** The plan itself: it is read once and removed, so that each call has its own. */
  async function racePlan({user, vault, others}: Worlds): Promise<Seen> {
    const codes = new Set<number>();
    for (let call = 0; call < calls; call++) {
      let swapper: Background | undefined;
      const ended = await callByHand(user, planOf(vault, 'true'), {
        place: (folder, bytes) => {
          const names = withLink(user, writeAs(user, join(folder, 'plan.json'), bytes), others);
          swapper = startAs(user, ['perl', join(user.home, 'swapper.pl'), ...names]);
          return names[0];
        },
      });
      // It ends by itself when one of the names is gone.
      await swapper?.ended;
      codes.add(ended.code);
    }
    // What somebody else has there is no plan: 65 would mean that it was read.
    return {got: codes.has(exitCode.data), what: `ended with ${[...codes].sort().join(', ')}`};
  }

  function row(attack: string, names: Names, change: (plan: Plan) => unknown = (plan) => plan): Row<Worlds> {
    return {
      attack,
      expected: 'refused',
      async run(each) {
        this.timeout(120_000);
        return race(each, names, change);
      },
      without: lookFirst,
      control: (each) => careless(each, names),
    };
  }

  testRows(
    'Names that change while a plan is checked',
    [
      row('replaces the image with a link to another user’s', ({user, vault, victims}) =>
        withLink(user, vault.image, victims),
      ),
      row('replaces the directory of the image with a link to another user’s', ({user, vault, victim}) =>
        withLink(user, dirname(vault.image), victim.home),
      ),
      row('replaces the mount point with a link to another user’s directory', ({user, vault, victim}) =>
        withLink(user, vault.mountPoint, join(victim.home, 'folder')),
      ),
      row(
        'replaces the home’s end of a bridge with a link to a directory in /etc',
        ({user}) => {
          const bridge = join(user.home, '.bridge');
          if (!existsSync(bridge)) mkdirSync(bridge);
          chownTo(user, bridge);
          return withLink(user, bridge, '/etc/skel');
        },
        (plan) => ({...plan, bridges: [{home: '.bridge', vault: 'bridged'}]}),
      ),
      {
        attack: 'replaces the plan with a link to another user’s file while the ghost reads it',
        expected: 'refused',
        run: racePlan,
        without: lookFirst,
        control: (each) =>
          careless(each, ({user, others}) => withLink(user, writeAs(user, join(user.home, 'plan'), '{}'), others)),
      },
    ],
    () => worlds!,
  );

  const unwatched = 'the ghost’s eye on the mount point: a plain mount namespace';

  testRows(
    'Names that change under a session',
    [
      {
        attack: 'renames the mount point and makes another in its place, for the session to write into',
        expected: 'refused',
        run: () => displace((mountPoint) => renameSync(mountPoint, `${mountPoint}-moved`)),
        without: unwatched,
        control: displacePlainly,
      },
      {
        attack: 'removes the mount point and makes another in its place',
        expected: 'refused',
        run: () => displace((mountPoint) => rmdirSync(mountPoint)),
        without: unwatched,
        control: displacePlainly,
      },
      {
        attack:
          'renames the mount point, makes another in its place, and gets what the session writes in the first moment after that',
        expected: 'succeeds',
        because:
          'the kernel lets a process that may write in the home rename a directory that is a mount point elsewhere; the ghost learns of it afterwards, and ends the session within milliseconds',
        run: async () => {
          for (let attempt = 1; ; attempt++) {
            const seen = await displace((mountPoint) => renameSync(mountPoint, `${mountPoint}-moved`), busyWriter);
            if (seen.got || attempt === 5) return seen;
          }
        },
        without: '',
      },
    ],
    () => worlds!,
  );
});

/** Shell code that writes into the vault, by its name, without a pause. */
const busyWriter = '(while :; do echo x >> ~/secrets/written; done) > /dev/null 2>&1 &';

async function displace(change: (mountPoint: string) => void, inSession = ':'): Promise<Seen> {
  const session = await openSession(await makeVault(makeOwner()));
  const {mountPoint, owner} = session.vault;
  const other = `${mountPoint}-other`;
  mkdirSync(other, {mode: 0o700});
  chownTo(owner, other);
  await session.ask(inSession);
  change(mountPoint);
  renameSync(other, mountPoint);
  const {code} = await session.unlock.ended;
  const found = readdirSync(mountPoint);
  if (found.length === 0) await expectNothingLeft(session.vault);
  return {
    got: code !== 79 || found.length > 0,
    what: `unlock ended with ${code}, and outside is ${found.join() || 'nothing'}`,
  };
}

async function displacePlainly(): Promise<Seen> {
  const world = await openPlainWorld();
  const {resident, user} = world;
  renameSync(resident.vault, `${resident.vault}-moved`);
  mkdirSync(resident.vault);
  chownTo(user, resident.vault);
  const written = join(resident.vault, 'written');
  const namespace = ['--target', String(resident.pid), '--mount', '--'];
  spawnSync('nsenter', [...namespace, 'sh', '-c', `echo secret > ${written}`]);
  const got = existsSync(written);
  await world.close();
  return {got, what: 'written outside'};
}

/** A name, and a link to something else beside it. */
function withLink(user: BedUser, name: string, target: string): readonly [string, string] {
  const link = `${name}-link`;
  if (!existsSync(link)) {
    symlinkSync(target, link);
    spawnSync('chown', ['--no-dereference', `${user.uid}:${user.gid}`, link]);
  }
  return [name, link];
}

async function startSwapper(user: BedUser, names: readonly string[]): Promise<Background> {
  const swapper = startAs(user, ['perl', join(user.home, 'swapper.pl'), ...names], {timeoutMs: 120_000});
  await swapper.seen(/swapping/);
  return swapper;
}

/** Ends a swapper, and puts the names in order. */
async function end(swapper: Background, [name, link]: readonly [string, string]): Promise<void> {
  swapper.child.kill('SIGKILL');
  await swapper.ended;
  if (!lstatSync(name).isSymbolicLink()) return;
  renameSync(name, `${name}-aside`);
  renameSync(link, name);
  renameSync(`${name}-aside`, link);
}
