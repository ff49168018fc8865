import {expect} from 'chai';
import {spawnSync} from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  symlinkSync,
} from 'node:fs';
import {join} from 'node:path';
import fc from 'fast-check';
import {exitCode} from '../../src/foundation/exit-code.ts';
import {expectNothingLeft} from '../bed/leftovers.ts';
import {makeOwner, needsRoot} from '../bed/owner.ts';
import {chownTo, writeAs} from '../bed/ownership.ts';
import {openSession} from '../bed/session.ts';
import type {BedUser} from '../bed/user.ts';
import {makeVault, type TestVault} from '../bed/vault.ts';
import {faultsOf} from '../ghost/plan/plans.ts';
import {callByHand, type HandEnded, type HandOptions, makeMountPoint, planOf} from './by-hand.ts';

/** One call that must be refused: the plan as it is changed, and the code that it ends with. */
type Hostile = {
  readonly name: string;
  readonly code: number;
  readonly plan?: (plan: Plan) => unknown;
  readonly options?: HandOptions;
};

type Plan = ReturnType<typeof planOf>;

/** Stands in all that is not to be parsed. Nothing may ever say it. */
const marker = 'never-to-be-said';

/** As many at a time as there are processors at least. */
const calls = 2;

describe('The privileged entry, called by hand with a hostile plan', function () {
  this.timeout(180_000);
  let user: BedUser;
  /** Somebody else, who lets everybody look, and who has a vault too. */
  let victim: BedUser;
  let vault: TestVault;
  let initially: readonly string[];

  before(async function () {
    needsRoot(this);
    [user, victim] = [makeOwner(), makeOwner()];
    vault = await makeVault(user);
    makeMountPoint(vault);
    layTraps();
    initially = stateOf(user, victim);
  });

  /** What the hostile plans below name, in the home of the user and in that of the victim. */
  function layTraps(): void {
    chmodSync(victim.home, 0o755);
    const at = (name: string) => join(user.home, name);
    copyFileSync(vault.image, join(victim.home, 'vault.img'));
    chmodSync(join(victim.home, 'vault.img'), 0o666);
    chownTo(victim, join(victim.home, 'vault.img'));
    writeAs(victim, join(victim.home, 'private'), `${marker}\n`);
    mkdirSync(join(victim.home, 'folder'), {mode: 0o777});
    chmodSync(join(victim.home, 'folder'), 0o777);
    chownTo(victim, join(victim.home, 'folder'));
    for (const name of ['folder', 'real']) {
      mkdirSync(at(name), {mode: 0o700});
      chownTo(user, at(name));
    }
    writeAs(user, at('empty'), '');
    writeAs(user, at('text'), `${marker}\n`);
    writeAs(user, at('endless'), Buffer.alloc(1024, 'x'));
    spawnSync('mkfifo', [at('fifo')]);
    chownTo(user, at('fifo'));
    symlinkSync('/etc', at('link-to-etc'));
    symlinkSync(vault.image, at('link-to-image'));
    symlinkSync(join(user.home, 'real'), at('link-to-folder'));
    for (const name of ['link-to-etc', 'link-to-image', 'link-to-folder']) {
      spawnSync('chown', ['--no-dereference', `${user.uid}:${user.gid}`, at(name)]);
    }
  }

  const withPath = (field: 'image' | 'mountPoint' | 'home', path: () => string) => (plan: Plan) => ({
    ...plan,
    [field]: path(),
  });
  const keyFrom =
    (path: () => string, form: 'passphrase' | 'key' = 'passphrase') =>
    (plan: Plan) => ({...plan, key: {from: 'file', form, path: path()}});
  const own = (name: string) => () => join(user.home, name);
  const others = (name: string) => () => join(victim.home, name);
  const {cannotCreate, data, noInput, noPermission, usage} = exitCode;
  const create = {sizeBytes: 33_554_432, pbkdf: 'pbkdf2', pbkdfForceIterations: 1000};
  const made =
    (name: string, more: object = {}) =>
    (plan: Plan) => {
      const {session: _, ...rest} = plan;
      return {...rest, image: join(user.home, name), create: {...create, ...more}};
    };
  const lock =
    (image: () => string, more: object = {}) =>
    () => ({
      version: 1,
      operation: 'lock',
      image: image(),
      graceMs: 0,
      ...more,
    });
  const raw = (content: (plan: Plan) => string | Buffer) => (plan: Plan) => Buffer.from(content(plan));

  const groups: Readonly<Record<string, readonly Hostile[]>> = {
    'whose image is not a file of the caller’s': [
      {name: 'somebody else’s', code: noPermission, plan: withPath('image', others('vault.img'))},
      {name: 'somebody else’s that may not be opened', code: noPermission, plan: withPath('image', others('private'))},
      {name: 'root’s', code: noPermission, plan: withPath('image', () => '/etc/shadow')},
      {name: 'a device', code: noPermission, plan: withPath('image', () => '/dev/zero')},
      {name: 'a FIFO', code: noPermission, plan: withPath('image', own('fifo'))},
      {name: 'a folder', code: noPermission, plan: withPath('image', own('folder'))},
      {name: 'a link', code: noPermission, plan: withPath('image', own('link-to-image'))},
      {name: 'behind a link', code: noPermission, plan: withPath('image', own('link-to-folder/vault.img'))},
      {name: 'in /proc', code: noPermission, plan: withPath('image', () => '/proc/self/exe')},
      {name: 'the root', code: noPermission, plan: withPath('image', () => '/')},
      {name: 'nothing', code: noInput, plan: withPath('image', own('nothing'))},
      {name: 'empty', code: data, plan: withPath('image', own('empty'))},
      {name: 'text', code: data, plan: withPath('image', own('text'))},
    ],
    'whose mount point or home is not one of the caller’s': [
      {name: 'outside the home', code: noPermission, plan: withPath('mountPoint', () => '/mnt')},
      {name: 'the home itself', code: noPermission, plan: withPath('mountPoint', () => user.home)},
      {name: 'beside the home', code: noPermission, plan: withPath('mountPoint', () => `${user.home}-2/secrets`)},
      {name: 'somebody else’s', code: noPermission, plan: withPath('mountPoint', others('folder'))},
      {name: 'a link', code: noPermission, plan: withPath('mountPoint', own('link-to-folder'))},
      {name: 'behind a link', code: noPermission, plan: withPath('mountPoint', own('link-to-etc/skel'))},
      {name: 'a file', code: noPermission, plan: withPath('mountPoint', own('text'))},
      {name: 'a FIFO', code: noPermission, plan: withPath('mountPoint', own('fifo'))},
      {name: 'nothing', code: cannotCreate, plan: withPath('mountPoint', own('nothing'))},
      {name: 'in the home of somebody else, who is said to be the caller', code: noPermission, plan: foreignHome()},
      {name: 'anywhere, below a home that is the root', code: noPermission, plan: withPath('home', () => '/')},
    ],
    'whose key is not the caller’s to read, or no key': [
      {name: 'somebody else’s', code: noPermission, plan: keyFrom(others('private'))},
      {name: 'root’s', code: noPermission, plan: keyFrom(() => '/etc/shadow')},
      {name: 'a folder', code: noInput, plan: keyFrom(own('folder'))},
      {name: 'without an end', code: usage, plan: keyFrom(() => '/dev/zero', 'key')},
      {name: 'a line without an end', code: usage, plan: keyFrom(own('endless'))},
      {name: 'nothing', code: noInput, plan: keyFrom(own('nothing'))},
      {name: 'another', code: noPermission, plan: keyFrom(own('text'))},
    ],
    'that makes an image where or as it cannot be': [
      {name: 'over one that is there', code: cannotCreate, plan: made('text')},
      {name: 'over a link', code: cannotCreate, plan: made('link-to-image')},
      {name: 'in root’s folder', code: cannotCreate, plan: (plan) => ({...plan, image: '/etc/vault.img', create})},
      {name: 'in a folder that is not there', code: noInput, plan: made('nothing/vault.img')},
      {name: 'larger than any disk', code: cannotCreate, plan: made('new.img', {sizeBytes: 2 ** 49})},
      {name: 'smaller than a header', code: cannotCreate, plan: made('new.img', {sizeBytes: 1})},
    ],
    'that locks, enters or knows what it may not': [
      {name: 'locks somebody else’s', code: noPermission, plan: lock(others('vault.img'))},
      {name: 'locks a device', code: noPermission, plan: lock(() => '/dev/zero')},
      {name: 'locks a link', code: noPermission, plan: lock(own('link-to-image'))},
      {name: 'waits for ever', code: data, plan: lock(() => vault.image, {graceMs: 1e300})},
      {name: 'enters the init of the machine', code: data, plan: (plan) => entering(plan, 1)},
      {name: 'enters a process', code: noPermission, plan: (plan) => entering(plan, process.pid)},
      {
        name: 'tells of a private ghost',
        code: noPermission,
        plan: (plan) => ({
          ...plan,
          privateGhost: {
            init: {pid: process.pid, startTicks: 1},
            keyDigest: {hash: 'sha256', iterations: 1, salt: 'YQ==', digest: 'YQ=='},
          },
        }),
      },
    ],
    'that is not a plan': [
      {name: 'nothing', code: data, plan: raw(() => '')},
      {name: 'text', code: data, plan: raw(() => marker)},
      {name: 'bytes', code: data, plan: raw(() => Buffer.alloc(100_000, 0xff))},
      {name: 'an unknown field', code: data, plan: (plan) => ({...plan, [marker]: marker})},
      {name: 'another version', code: data, plan: (plan) => ({...plan, version: 2})},
      {name: 'another operation', code: data, plan: (plan) => ({...plan, operation: marker})},
      {name: 'a zero byte', code: data, plan: (plan) => ({...plan, image: `${plan.image}\0${marker}`})},
      {name: '`..`', code: data, plan: (plan) => ({...plan, mountPoint: `${plan.home}/../${marker}`})},
      {
        name: 'one key twice',
        code: data,
        plan: raw((plan) => JSON.stringify(plan).replace('{', `{"image":"/${marker}",`)),
      },
      {
        name: 'a hundred thousand bridges',
        code: data,
        plan: (plan) => ({...plan, bridges: Array.from({length: 100_000}, () => ({home: marker, vault: 'x'}))}),
      },
      {
        name: 'a million bridges',
        code: noPermission,
        plan: (plan) => ({...plan, bridges: Array.from({length: 1_000_000}, () => ({home: 'a', vault: 'x'}))}),
      },
      {name: 'lists in lists', code: data, plan: raw(() => '['.repeat(1_000_000))},
    ],
    'that is not a private file of the caller’s': [
      {name: 'somebody else’s', code: noPermission, options: {place: () => join(victim.home, 'private')}},
      {name: 'root’s', code: noPermission, options: {place: () => '/etc/shadow'}},
      {name: 'a device', code: noPermission, options: {place: () => '/dev/zero'}},
      {name: 'a folder', code: noPermission, options: {place: (folder) => folder}},
      {name: 'a FIFO', code: noPermission, options: {place: () => join(user.home, 'fifo')}},
      {name: 'nothing', code: noPermission, options: {place: (folder) => join(folder, 'nothing')}},
      {name: 'a link', code: noPermission, options: {place: (folder, plan) => linked(folder, plan, symlinkSync)}},
      {name: 'of two names', code: noPermission, options: {place: (folder, plan) => linked(folder, plan, linkSync)}},
      {
        name: 'for everybody to read',
        code: noPermission,
        options: {
          place: (folder, plan) => {
            const path = writeAs(user, join(folder, 'plan.json'), plan);
            chmodSync(path, 0o644);
            return path;
          },
        },
      },
    ],
    'with other arguments': [
      {name: 'two plans', code: usage, options: {further: ['/plan']}},
      {
        name: 'the entry’s own, without what they claim',
        code: noPermission,
        options: {further: ['--in-own-namespace']},
      },
      {
        name: 'the entry’s own, for a private call',
        code: noPermission,
        options: {further: ['--in-own-namespace', '0:0']},
      },
      {name: 'the CLI’s own, for a call without privilege', code: noPermission, options: {further: ['--from-outside']}},
      {name: 'options of Node', code: usage, options: {further: ['--require=/nothing']}},
      {name: 'a relative path', code: usage, options: {place: () => 'plan.json'}},
      {name: 'nobody who listens', code: noPermission, options: {listen: false}},
    ],
  };

  for (const [what, hostile] of Object.entries(groups)) {
    it(`${what} is refused, in ${hostile.length} ways`, async () => {
      const wrong: string[] = [];
      await atATime(hostile, async ({name, code, plan = (each: Plan) => each, options = {}}) => {
        const ended = await callByHand(user, plan(planOf(vault, 'echo', 'it-ran')), options);
        wrong.push(...faultsIn(ended, code).map((fault) => `${name}: ${fault}`));
      });
      expect(wrong).to.deep.equal([]);
      await expectUnchanged();
    });
  }

  it('with any field of another type or beyond its bounds is refused, a sample of each run', async () => {
    const faults = faultsOf(planOf(vault, 'echo', 'it-ran'));
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...faults), async ({name, plan}) => {
        expect(faultsIn(await callByHand(user, plan), data), name).to.deep.equal([]);
      }),
      {numRuns: 12},
    );
    await expectUnchanged();
  });

  it('does not touch the open vault of somebody else by any name in a plan', async () => {
    const theirs = await openSession(await makeVault(victim));
    const {image, mountPoint} = theirs.vault;
    for (const plan of [
      lock(() => image)(),
      {...planOf(vault, 'true'), image},
      {...planOf(vault, 'true'), image, ifOpen: 'join'},
      {...planOf(vault, 'true'), mountPoint},
    ]) {
      expect(faultsIn(await callByHand(user, plan), noPermission)).to.deep.equal([]);
    }
    expect((await theirs.ask('echo still-here')).output).to.equal('still-here\n');
    expect((await theirs.leave()).code).to.equal(0);
    await expectNothingLeft(theirs.vault);
  });

  function foreignHome(): (plan: Plan) => unknown {
    return (plan) => ({...plan, home: victim.home, mountPoint: join(victim.home, 'folder')});
  }

  function linked(folder: string, plan: Buffer, link: (target: string, path: string) => void): string {
    const path = join(folder, 'plan.json');
    link(writeAs(user, join(folder, 'target'), plan), path);
    return path;
  }

  function entering({session}: Plan, pid: number): unknown {
    return {version: 1, operation: 'enter', init: {pid, startTicks: 1}, session};
  }

  /** Nothing of the user's or the victim's is another than before, and nothing is left. */
  async function expectUnchanged(): Promise<void> {
    await expectNothingLeft(vault);
    const now = stateOf(user, victim);
    const changes = [
      ...now.filter((line) => !initially.includes(line)),
      ...initially.filter((line) => !now.includes(line)),
    ];
    expect(changes.join('\n')).to.equal('');
  }
});

/** What is wrong with how a call ended that was to be refused. */
function faultsIn(ended: HandEnded, code: number): string[] {
  return [
    ...(ended.code === code ? [] : [`it ended with ${ended.code}: ${ended.said.slice(-500)}`]),
    ...(ended.said.includes(marker) ? [`it said what it could not parse: ${ended.said.slice(-500)}`] : []),
    ...(ended.stdout.includes('it-ran') ? ['a session began'] : []),
  ];
}

async function atATime<T>(all: readonly T[], act: (each: T) => Promise<void>): Promise<void> {
  const waiting = [...all];
  const worker = async () => {
    for (let each = waiting.shift(); each !== undefined; each = waiting.shift()) await act(each);
  };
  await Promise.all(Array.from({length: calls}, worker));
}

/** Every file of some users, with owner, mode, time of its last change, and what small ones hold. */
function stateOf(...users: readonly BedUser[]): string[] {
  return users.flatMap(({home, runtimeFolder}) =>
    pathsBelow(home)
      .filter((path) => !path.startsWith(runtimeFolder))
      .toSorted()
      .map((path) => {
        const {uid, gid, mode, size, mtimeMs} = lstatSync(path);
        const kind = mode & 0o170000;
        const content =
          kind === 0o120000 ? readlinkSync(path) : kind === 0o100000 && size < 4096 ? readFileSync(path, 'latin1') : '';
        return [path, uid, gid, mode.toString(8), kind === 0o040000 ? '' : `${size} ${mtimeMs}`, content].join(' ');
      }),
  );
}

/** Node's own recursion would follow links: what they lead to is not the user's. */
function pathsBelow(folder: string): string[] {
  return readdirSync(folder, {withFileTypes: true}).flatMap((entry) => {
    const path = join(folder, entry.name);
    return [path, ...(entry.isDirectory() ? pathsBelow(path) : [])];
  });
}
