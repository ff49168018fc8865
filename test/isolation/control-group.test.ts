import {spawn, spawnSync} from 'node:child_process';
import {existsSync, mkdirSync, mkdtempSync, readFileSync, rmdirSync, rmSync, statSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {expect} from 'chai';
import {readMounts} from '../../src/kernel/mountinfo.ts';
import {expectNothingLeft} from '../bed/leftovers.ts';
import {atTheEnd} from '../bed/made-by.ts';
import {makeOwner, needsRoot} from '../bed/owner.ts';
import {chownTo} from '../bed/ownership.ts';
import {processTree} from '../bed/process-tree.ts';
import {asUser, tazpod} from '../bed/run.ts';
import {openSession} from '../bed/session.ts';
import {until} from '../bed/until.ts';
import type {BedUser} from '../bed/user.ts';
import {makeVault, type TestVault} from '../bed/vault.ts';
import {type Row, testRows} from './matrix.ts';

/** systemd gives each user a control group, and the user makes groups in it: what is in one, the user freezes and kills. */
describe('A control group that belongs to the user', function () {
  this.timeout(120_000);
  let owner: BedUser;
  let vault: TestVault;
  /** Root's; the user's own; one that the user has made in it. */
  let top: string;
  let delegated: string;
  let own: string;

  before(async function () {
    needsRoot(this);
    owner = makeOwner();
    top = join(unified(), `tazpod-test-${owner.uid}`);
    [delegated, own] = [join(top, 'delegated'), join(top, 'delegated/own')];
    mkdirSync(delegated, {recursive: true});
    atTheEnd(() => {
      writeFileSync(join(top, 'cgroup.kill'), '1');
      for (const group of [own, delegated, top]) spawnSync('rmdir', [group]);
    });
    for (const name of ['', 'cgroup.procs', 'cgroup.threads', 'cgroup.subtree_control']) {
      chownTo(owner, join(delegated, name));
    }
    expect(byUser('mkdir', own).status).to.equal(0);
    vault = await makeVault(owner);
  });

  afterEach(async () => {
    set('cgroup.freeze', '0');
    await expectNothingLeft(vault);
    // Nothing is left among root's groups either.
    expect(existsSync(join(top, 'tazpod'))).to.equal(false);
  });

  const byUser = (...command: readonly string[]) =>
    spawnSync('setpriv', [...asUser(owner), ...command], {encoding: 'utf8'});
  const set = (lever: string, value: string) =>
    byUser('sh', '-c', 'echo "$1" >"$2"', 'sh', value, join(own, lever)).status;
  /** As a login shell of the user's on a machine with systemd. */
  const inOwn = () => ['sh', '-c', `echo 0 >${own}/cgroup.procs; exec "$@"`, 'sh'];
  const groupOf = (pid: number) => /^0::(.*)$/m.exec(readFileSync(`/proc/${pid}/cgroup`, 'utf8'))?.[1];

  const rows: readonly Row<undefined>[] = [
    {
      attack: 'freezes the control group in which a session was started, so that no lock closes the vault',
      expected: 'refused',
      without: 'a control group of root’s for the ghost: a process of root’s in the group of the user',
      async run() {
        const session = await openSession(vault, [], {within: inOwn()});
        const inside = await session.ask('cat /proc/self/cgroup');
        expect(inside.output).to.match(/^0::.*\/delegated\/own$/m);
        const tree = processTree(session.unlock.pid);
        const ghost = tree.find(({role}) => role === 'the ghost')!;
        const roots = tree.filter(({role}) =>
          ['the ghost', 'the block server', 'unshare', 'the init'].includes(role ?? ''),
        );
        expect(new Set(roots.map(({role}) => role)).size).to.be.greaterThan(2);
        // The lowest that is root's: all limits from there up hold.
        for (const {pid} of roots) expect(groupOf(pid)).to.match(new RegExp(`/tazpod-test-${owner.uid}/tazpod$`));

        expect(set('cgroup.freeze', '1')).to.equal(0);
        const lock = await tazpod(owner, ['lock', '--image', vault.image, '--grace', '1']);
        expect(processTree(ghost.pid).filter(({role}) => role === 'the block server')).to.deep.equal([]);
        set('cgroup.freeze', '0');
        expect((await session.unlock.ended).code).to.equal(79);
        return {got: lock.code !== 0, what: `lock: ${lock.code}, ${lock.stderr}`};
      },
      async control() {
        const file = join(owner.home, 'beats');
        const [program, ...args] = [...inOwn(), 'sh', '-c', `while :; do echo >>${file}; sleep 0.02; done`];
        const child = spawn(program, args, {stdio: 'ignore'});
        const ended = new Promise((resolve) => child.once('exit', (_code, signal) => resolve(signal)));
        const beats = () => (existsSync(file) ? statSync(file).size : 0);
        await until('it works', () => beats() > 0);
        expect(set('cgroup.freeze', '1')).to.equal(0);
        await until('it is frozen', () => /^frozen 1$/m.test(readFileSync(join(own, 'cgroup.events'), 'utf8')));
        const before = beats();
        await tazpod(owner, ['--version']);
        const frozen = beats() === before;
        expect(set('cgroup.kill', '1')).to.equal(0);
        const killed = (await ended) === 'SIGKILL';
        rmSync(file);
        return {got: frozen && killed, what: 'frozen and killed'};
      },
    },
  ];
  testRows('A control group that belongs to the user', rows, () => undefined);

  it('has a shell that joins in it, and not the ghost of that shell', async () => {
    const first = await openSession(vault, [], {within: inOwn()});
    const second = await openSession(vault, [], {within: inOwn()});
    expect((await second.ask('cat /proc/self/cgroup')).output).to.match(/^0::.*\/delegated\/own$/m);
    const ghosts = [first, second].map(({unlock}) => processTree(unlock.pid).find(({role}) => role === 'the ghost')!);
    for (const {pid} of ghosts) expect(groupOf(pid)).to.match(/\/tazpod$/);
    await second.leave();
    await first.leave();
  });

  it('may be killed as a whole: the ghost is not in it, and closes the vault in order', async () => {
    const session = await openSession(vault, [], {within: inOwn()});
    await session.ask(`echo kept > ${vault.mountPoint}/note`);
    const tree = processTree(session.unlock.pid);
    expect(set('cgroup.kill', '1')).to.equal(0);
    await session.unlock.ended;
    await expectNothingLeft(vault, {processes: tree, withinMs: 10_000});
    const read = await tazpod(owner, ['exec', ...vault.flags, '--', 'cat', `${vault.mountPoint}/note`]);
    expect(read.stdout, read.stderr).to.equal('kept\n');
  });
});

/** Where control groups of version 2 are; where no such place can be written to, they are mounted for the test. */
function unified(): string {
  const mounted = readMounts('self').find(({fsType, options}) => fsType === 'cgroup2' && options.includes('rw'));
  if (mounted !== undefined) return mounted.mountPoint;
  const folder = mkdtempSync('/run/tazpod-test-cgroup-');
  expect(spawnSync('mount', ['-t', 'cgroup2', 'none', folder]).status).to.equal(0);
  atTheEnd(() => {
    spawnSync('umount', [folder]);
    rmdirSync(folder);
  });
  return folder;
}
