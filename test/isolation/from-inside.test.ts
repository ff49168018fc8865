import {spawnSync} from 'node:child_process';
import {chmodSync, copyFileSync, existsSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {readProcessStatus} from '../../src/kernel/process-record.ts';
import {allPids, identifyProcess, isAlive} from '../../src/kernel/process.ts';
import {isLocked} from '../../src/kernel/file-lock.ts';
import {install} from '../bed/install.ts';
import {expectNothingLeft} from '../bed/leftovers.ts';
import {makeOwner, needsRoot} from '../bed/owner.ts';
import {kill, processTree} from '../bed/process-tree.ts';
import {type Background, runAs, startAs} from '../bed/run.ts';
import {openSession, type TestSession} from '../bed/session.ts';
import {until} from '../bed/until.ts';
import type {BedUser} from '../bed/user.ts';
import {makeVault} from '../bed/vault.ts';
import {layPrograms} from './intruder.ts';
import {type Row, testRows} from './matrix.ts';
import type {Seen} from './seen.ts';

type Worlds = {
  readonly user: BedUser;
  readonly session: TestSession;
  /** Another vault of the same user, open at the same time. */
  readonly other: TestSession;
};

describe('A session that reaches out', () => {
  let worlds: Worlds | undefined;

  before(async function () {
    needsRoot(this);
    const user = makeOwner();
    layPrograms(user);
    const [vault, second] = [await makeVault(user), await makeVault(user, {mountPoint: join(user.home, 'second')})];
    const [session, other] = await Promise.all([openSession(vault), openSession(second)]);
    await other.ask('echo other-secret > ~/second/token');
    worlds = {user, session, other};
  });

  after(async () => {
    await worlds?.session.leave();
    await worlds?.other.leave();
  });

  /** Something that is tried by shell code in the session, and that must fail. */
  function row(
    attack: string,
    code: string,
    without: string,
    control?: (worlds: Worlds) => Promise<Seen>,
  ): Row<Worlds> {
    return {
      attack,
      expected: 'refused',
      run: async ({session}) => inside(session, code),
      without,
      ...(control === undefined ? {} : {control}),
    };
  }

  const byRoot = (code: string) => async () => {
    // Where nobody sees it, in a mount namespace that ends with it.
    const {status, stderr} = spawnSync('unshare', ['--mount', '--propagation', 'private', 'sh', '-c', code], {
      encoding: 'utf8',
    });
    return {got: status === 0, what: stderr};
  };
  const outside =
    (code: string) =>
    async ({user}: Worlds) => {
      const {code: status, stderr} = await runAs(user, ['bash', '-c', code]);
      return {got: status === 0, what: stderr};
    };

  const noPowers = 'the loss of capabilities: the same by root';
  const noNewPowers = 'no_new_privs: the same outside';

  testRows(
    'From inside: to more power',
    [
      row('mounts a file system', 'mount -t tmpfs none /mnt', noPowers, byRoot('mount -t tmpfs none /mnt')),
      row('bind-mounts over the machine’s files', 'mount --bind ~ /etc', noPowers, byRoot('mount --bind /root /etc')),
      row(
        'makes its mounts less strict',
        'mount -o remount,bind,suid,dev ~/secrets',
        noPowers,
        byRoot('mount -t tmpfs -o nosuid none /mnt && mount -o remount,bind,suid /mnt'),
      ),
      row('unmounts the vault', 'umount -l ~/secrets', noPowers, byRoot('mount -t tmpfs none /mnt && umount -l /mnt')),
      row(
        'unmounts the vault as root of a user namespace of its own',
        'unshare --user --map-root-user --mount umount -l ~/secrets',
        'No control: the kernel locks mounts that come from a more powerful namespace.',
      ),
      {
        attack: 'mounts something for the whole session as root of a user namespace of its own',
        expected: 'refused',
        run: async ({session}) => {
          await session.ask('mkdir -p ~/seen; unshare --user --map-root-user --mount mount -t tmpfs none ~/seen');
          return inside(session, 'grep -q /seen /proc/self/mountinfo');
        },
        without: 'No control: such a mount lies in a mount namespace of its own.',
      },
      {
        attack: 'becomes root by a set-user-ID program',
        expected: 'refused',
        run: async ({user, session}) => {
          const program = join(user.home, 'set-user-id');
          copyFileSync('/usr/bin/id', program);
          chmodSync(program, 0o4755);
          return inside(session, `[ "$(${program} -u)" = 0 ]`);
        },
        without: noNewPowers,
        control: (each) => outside(`[ "$(${each.user.home}/set-user-id -u)" = 0 ]`)(each),
      },
      {
        attack: 'reads root’s files by a program with file capabilities',
        expected: 'refused',
        run: async ({user, session}) => {
          const [program, secret] = [join(user.home, 'capable'), join(user.home, 'roots')];
          copyFileSync('/usr/bin/cat', program);
          chmodSync(program, 0o755);
          giveReadCapability(program);
          writeFileSync(secret, 'root only', {mode: 0o600});
          return inside(session, `${program} ${secret}`);
        },
        without: noNewPowers,
        control: (each) => outside(`${each.user.home}/capable ${each.user.home}/roots`)(each),
      },
      {
        attack: 'calls the privileged entry through sudo, and so opens or locks vaults',
        expected: 'refused',
        run: ({session}) => inside(session, `sudo --non-interactive --list -- ${install().ghost}`),
        without: noNewPowers,
        control: (each) => outside(`sudo --non-interactive --list -- ${install().ghost}`)(each),
      },
      row(
        'sets its uid to 0',
        `perl -e '$> = 0; exit($> == 0 ? 0 : 1)'`,
        noPowers,
        byRoot(`perl -e '$> = 0; exit($> == 0 ? 0 : 1)'`),
      ),
      row(
        'makes a device node',
        'mknod ~/node b 7 0',
        noPowers,
        byRoot('mount -t tmpfs none /mnt && mknod /mnt/node b 7 0'),
      ),
      row(
        'writes to the loop device under the vault, or to the disks',
        'for device in /dev/loop[0-9]* /dev/[svx]d[a-z]* /dev/nvme*; do [ -w "$device" ] && exit 0; done; false',
        'No control: their nodes are root’s on every machine, and a user of the group `disk` is as good as root.',
      ),
    ],
    () => worlds!,
  );

  testRows(
    'From inside: to other processes and vaults',
    [
      row('signals the init', 'kill -9 1', 'root as its owner: a process of its own', async ({session}) =>
        inside(session, 'sleep 100 & kill -9 $!'),
      ),
      row(
        'looks into the init',
        'cat /proc/1/environ || ls /proc/1/root/ || ls /proc/1/fd/ || readlink /proc/1/ns/user',
        'root as its owner: a process of its own',
        async ({session}) => inside(session, 'cat /proc/$$/environ > /dev/null'),
      ),
      row(
        'enters the namespaces of the init',
        'nsenter --target 1 --mount --user true',
        noPowers,
        byRoot('nsenter --target $$ --mount true'),
      ),
      {
        attack: 'sees or signals processes outside: the ghost, sudo, other sessions',
        expected: 'refused',
        run: async ({session}) => {
          const {output} = await session.ask('cat /proc/[0-9]*/status | grep ^NSpid; echo /proc/[0-9]*');
          const seen = output.trim().split('\n').at(-1)!.split(' ');
          // As many as it has itself: its init, its shell, and what the question took.
          return {got: seen.length > 8, what: `${seen.length} processes`};
        },
        without: 'the PID namespace: the same outside',
        control: async ({user}) => {
          const {stdout} = await runAs(user, ['sh', '-c', 'echo /proc/[0-9]*']);
          return {got: stdout.trim().split(' ').length > 8, what: 'all processes of the machine'};
        },
      },
      {
        attack: 'reads another vault of the same user that is open',
        expected: 'refused',
        run: ({session}) => inside(session, 'grep -rs other-secret ~/second'),
        without: 'a mount namespace for each ghost: the other session',
        control: ({other}) => inside(other, 'grep -rs other-secret ~/second'),
      },
    ],
    () => worlds!,
  );

  /** What a session starts, so that it stays when the session ends. */
  const stayBehind = {
    'with setsid and a double fork': `sh -c 'setsid sh -c "sleep 3600 & sleep 3600" > /dev/null 2>&1 &'`,
    'with nohup, and every signal ignored': `nohup perl -e '$SIG{$_} = "IGNORE" for keys %SIG; sleep 1 while 1' > /dev/null 2>&1 &`,
    'stopped, with a file of the vault open': `(cd ~/secrets && exec 9> kept && exec sleep 3600) & kill -STOP $!`,
    'in tmux': 'tmux new-session -d sleep 3600',
    'in user and PID namespaces of its own':
      'unshare --user --map-root-user --pid --fork sleep 3600 > /dev/null 2>&1 &',
    'with a mount namespace that holds the vault':
      'unshare --user --map-root-user --mount sleep 3600 > /dev/null 2>&1 &',
    'as a traced process': `perl -e 'syscall(${process.arch === 'arm64' ? 117 : 101}, 0, 0, 0, 0); sleep 3600' > /dev/null 2>&1 &`,
  };

  testRows(
    'From inside: past the end',
    [
      {
        attack: `leaves processes behind that keep the vault open: ${Object.keys(stayBehind).join('; ')}`,
        expected: 'refused',
        run: async () => {
          const user = makeOwner();
          const session = await openSession(await makeVault(user));
          for (const command of Object.values(stayBehind)) await session.ask(command);
          const begun = processesOf(user);
          await session.leave();
          try {
            await expectNothingLeft(session.vault);
            return {got: false, what: `${begun.length} processes ended`};
          } catch (error) {
            return {got: true, what: (error as Error).message};
          }
        },
        without: 'the PID namespace: a shell outside',
        control: async ({user}) => {
          const before = processesOf(user);
          await runAs(user, ['sh', '-c', stayBehind['with setsid and a double fork']]);
          const left = processesOf(user).filter((pid) => !before.includes(pid));
          for (const pid of left) process.kill(pid, 'SIGKILL');
          return {got: left.length > 0, what: `${left.length} processes left`};
        },
      },
      {
        attack: 'has a program started outside that keeps the vault open (systemd-run --user, at, cron)',
        expected: 'refused',
        run: async () => {
          // What these services have in common: a process outside that starts what others ask for.
          const user = makeOwner();
          const session = await openSession(await makeVault(user));
          const [server, asked] = [await commandServer(user), 'ls -A ~/secrets; echo started'];
          await session.ask('echo here > ~/secrets/token');
          await session.ask(`echo '${asked}' > ~/orders`);
          const [, listed = ''] = await server.seen(/^([^]*)started\n/m);
          await session.leave();
          server.child.kill('SIGKILL');
          await server.ended;
          await expectNothingLeft(session.vault);
          return {got: listed.includes('token'), what: 'started outside, without the vault'};
        },
        without: 'the mount namespace: the same inside',
        control: ({session}) => inside(session, 'echo here > ~/secrets/token; ls -A ~/secrets | grep token'),
      },
      {
        attack: 'keeps key, device and lock alive by an open file that it hands to a process outside (SCM_RIGHTS)',
        expected: 'refused',
        async run() {
          this.timeout(120_000);
          const {session, holder} = await handOut();
          const ended = await session.leave();
          const locked = await isLocked(session.vault.image);
          holder.child.kill('SIGKILL');
          await holder.ended;
          await expectNothingLeft(session.vault);
          return {got: locked || ended.code !== 75, what: `closed, and unlock ended with ${ended.code}`};
        },
        without: 'the device’s end: while the session lives',
        control: async () => {
          const {session, holder} = await handOut();
          const got = await isLocked(session.vault.image);
          holder.child.kill('SIGKILL');
          await holder.ended;
          await session.leave();
          return {got, what: 'open'};
        },
      },
      {
        attack:
          'keeps key and lock alive by an open file that it handed out, when root, or want of memory, has killed the session’s ghost',
        expected: 'refused',
        run: async () => {
          const {session, holder} = await handOut();
          for (const ghost of processTree(session.unlock.pid).filter(({role}) => role === 'the ghost')) kill(ghost);
          await session.unlock.ended;
          const unlocked = async () => !(await isLocked(session.vault.image));
          const closed = await until('the image is free', unlocked, {withinMs: 15_000}).catch(() => false);
          holder.child.kill('SIGKILL');
          await holder.ended;
          await expectNothingLeft(session.vault);
          return {got: !closed, what: closed ? 'the server has ended' : 'open until the file is closed'};
        },
        without: 'the killing: while the ghost lives',
        control: async () => {
          const {session, holder} = await handOut();
          const got = await isLocked(session.vault.image);
          holder.child.kill('SIGKILL');
          await holder.ended;
          await session.leave();
          return {got, what: 'open'};
        },
      },
    ],
    () => worlds!,
  );
});

async function inside(session: TestSession, code: string): Promise<Seen> {
  const {code: status, output} = await session.ask(`(${code})`);
  return {got: status === 0, what: output.trim()};
}

function processesOf(user: BedUser): number[] {
  return allPids().filter((pid) => {
    const identity = identifyProcess(pid);
    return identity !== undefined && isAlive(identity) && readProcessStatus(pid)?.uid.real === user.uid;
  });
}

/** CAP_DAC_READ_SEARCH, permitted and effective: `struct vfs_ns_cap_data`, revision 2, of linux/capability.h. */
function giveReadCapability(program: string): void {
  const number = process.arch === 'arm64' ? 5 : 188;
  const code = `my ($f, $n, $v) = (@ARGV, "security.capability", pack("V5", 0x02000001, 1 << 2, 0, 0, 0));
    exit(syscall(${number}, $f, $n, $v, 20, 0) == 0 ? 0 : 1)`;
  if (spawnSync('perl', ['-e', code, program]).status !== 0) throw new Error('setxattr(2) failed');
}

/** A process of the user's outside that does what it reads from ~/orders, as at and systemd do. */
async function commandServer(user: BedUser): Promise<Background> {
  const server = startAs(user, ['sh', '-c', 'mkfifo ~/orders; echo listening; sh ~/orders; exec sleep 3600']);
  await server.seen(/listening/);
  return server;
}

/** A session that has handed an open file of its vault to a process outside. */
async function handOut(): Promise<{session: TestSession; holder: Background}> {
  const user = makeOwner();
  const folder = layPrograms(user);
  const session = await openSession(await makeVault(user));
  const socket = join(user.home, 'handed');
  const holder = startAs(user, ['perl', join(folder, 'hand-over.pl'), 'take', socket], {timeoutMs: 120_000});
  await until('somebody takes files', () => existsSync(socket));
  await session.ask('head -c 100000 /dev/urandom > ~/secrets/large');
  await session.ask(`perl ~/hand-over.pl give ${socket} ~/secrets/large`);
  await holder.seen(/taken/);
  return {session, holder};
}
