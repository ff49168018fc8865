import {spawnSync} from 'node:child_process';
import {existsSync, mkdirSync, rmSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {chownTo} from '../bed/ownership.ts';
import {needsRoot} from '../bed/owner.ts';
import {processTree} from '../bed/process-tree.ts';
import {runAs} from '../bed/run.ts';
import {until} from '../bed/until.ts';
import {skip} from '../skip.ts';
import {type Row, testRows} from './matrix.ts';
import {anyOf, type Seen} from './seen.ts';
import {openPlainWorld, openSealedWorld, type SealedWorld, type World} from './worlds.ts';

type Worlds = {readonly sealed: SealedWorld; readonly plain: World};
type Attack = (world: World) => Promise<Seen>;

/** What is typed in an interactive shell and remembered by it. */
const remember = (words: string) => `bash --norc -ic 'history -s "${words}"; history -a'`;

describe('A process of the same user that shares the machine with a sealed session', () => {
  let worlds: Worlds | undefined;

  before(async function () {
    needsRoot(this);
    const [sealed, plain] = await Promise.all([openSealedWorld(), openPlainWorld()]);
    worlds = {sealed, plain};
  });

  after(async () => {
    await Promise.all(Object.values(worlds ?? {}).map((world) => world.close()));
  });

  function row(attack: string, without: string, run: Attack): Row<Worlds> {
    return {
      attack,
      expected: 'refused',
      run: ({sealed}) => run(sealed),
      without,
      control: ({plain}) => run(plain),
    };
  }

  function known(attack: string, because: string, run: Attack): Row<Worlds> {
    return {attack, expected: 'succeeds', because, run: ({sealed}) => run(sealed), without: ''};
  }

  const secretOf =
    (attack: string, ...names: string[]): Attack =>
    ({intruder, resident}) =>
      intruder.trySecret(resident.secret, attack, ...names.map((name) => resident.at[name]!));

  const noIpc = 'the IPC namespace';

  testRows(
    'Shared memory, queues, keys and sockets',
    [
      row('reads a file of the session in /dev/shm', 'a /dev/shm of the session’s own', ({intruder, resident}) =>
        intruder.trySecret(resident.secret, 'read', `/dev/shm/${resident.name}`),
      ),
      row('reads System V shared memory', noIpc, secretOf('shared_memory', 'shared_memory')),
      row('reads a System V semaphore', noIpc, ({intruder, resident}) =>
        intruder.try('semaphore', resident.at['semaphore']!),
      ),
      row('takes a message from a System V queue', noIpc, secretOf('system_v_queue', 'system_v_queue')),
      row('takes a message from a POSIX queue', noIpc, secretOf('posix_queue', 'posix_queue')),
      row(
        'reads a key of the session keyring, which processes of one login share',
        'a session keyring of the session’s own',
        secretOf('key', 'session_key'),
      ),
      row(
        'reads a key of the user keyring',
        'the user namespace, which has user keyrings of its own',
        secretOf('key', 'user_key'),
      ),
      row(
        'connects to a socket in the directory for temporary files',
        'TMPDIR in the vault',
        secretOf('path_socket', 'path_socket'),
      ),
      row('reads a temporary file', 'TMPDIR in the vault', secretOf('read', 'temporary')),
      known(
        'connects to an abstract socket that a program of the session listens at',
        'the network is the machine’s, and abstract sockets belong to it: a program that listens offers something',
        ({intruder, resident}) => intruder.trySecret(resident.secret, 'abstract_socket', resident.name),
      ),
      known(
        'connects to a TCP port of the loopback that a program of the session listens at',
        'as with abstract sockets; `kubectl proxy` in a session serves everybody on the machine',
        ({intruder, resident}) => intruder.trySecret(resident.secret, 'loopback', resident.at['port']!),
      ),
    ],
    () => worlds!,
  );

  testRows(
    'Files and devices',
    [
      {
        attack: 'reads a command that was typed in the session in the history of the user’s shell',
        expected: 'refused',
        run: async ({sealed: {session, user, intruder, resident}}) => {
          await session.ask(remember(`export TOKEN=${resident.secret}`));
          return intruder.trySecret(resident.secret, 'read', join(user.home, '.bash_history'));
        },
        without: 'HISTFILE in the vault: the same outside',
        control: async ({plain: {user, intruder, resident}}) => {
          await runAs(user, ['sh', '-c', remember(`export TOKEN=${resident.secret}`)]);
          return intruder.trySecret(resident.secret, 'read', join(user.home, '.bash_history'));
        },
      },
      {
        attack: 'searches the image for what is in the vault',
        expected: 'refused',
        run: async ({sealed: {session, intruder, resident}}) => {
          await session.ask(`sync ${resident.vault}/token`);
          return intruder.try('search', session.vault.image, resident.secret);
        },
        without: 'encryption: an ext4 file system in a file',
        control: ({plain: {user, intruder, resident}}) => {
          const [folder, image] = [join(user.home, 'content'), join(user.home, 'image')];
          mkdirSync(folder);
          writeFileSync(join(folder, 'token'), resident.secret);
          const made = spawnSync('mke2fs', ['-q', '-t', 'ext4', '-d', folder, image, '16M'], {encoding: 'utf8'});
          if (made.status !== 0) throw new Error(made.stderr);
          chownTo(user, image);
          return intruder.try('search', image, resident.secret);
        },
      },
      {
        attack: 'reads the plaintext from the loop device',
        expected: 'refused',
        async run({sealed}) {
          const minor = await loopOf(sealed);
          if (minor === undefined) skip(this, 'this machine has no loop devices');
          return sealed.intruder.try('search', `/dev/loop${minor}`, sealed.resident.secret);
        },
        without: 'the owner and mode of its node: another node of the same number',
        control: async ({sealed}) => {
          const minor = await loopOf(sealed);
          const node = join(sealed.user.home, 'loop');
          spawnSync('mknod', ['-m', '400', node, 'b', '7', minor!]);
          chownTo(sealed.user, node);
          const seen = await sealed.intruder.try('search', node, sealed.resident.secret);
          rmSync(node);
          return seen;
        },
      },
      {
        attack:
          'reads the plaintext in the block file that the engine mounts by FUSE, by its path in any of the processes',
        expected: 'refused',
        run: ({sealed: {session, intruder, resident}}) => {
          const roots = processTree(session.unlock.pid).map(({pid}) => `/proc/${pid}/root`);
          const paths = ['', ...roots].map((root) => `${root}/dev/shm/.tazpod-staging/block`);
          // Root may look into each of them, and finds nothing either.
          const found = paths.find((path) => existsSync(path));
          if (found !== undefined) return Promise.resolve({got: true, what: `${found} is there`});
          return anyOf(...paths.map((path) => intruder.try('search', path, resident.secret)));
        },
        without: 'No control: it is taken out of every mount namespace, root’s too, before the session begins.',
      },
      {
        attack: 'makes a node for the loop device, also as root of a user namespace of its own',
        expected: 'refused',
        run: async ({sealed}) => {
          const node = [join(sealed.user.home, 'node'), '7', (await loopOf(sealed)) ?? '0'];
          const seen = await sealed.intruder.try('device_node', ...node);
          return seen.got ? seen : sealed.intruder.inOwnUserNamespace().try('device_node', ...node);
        },
        without: 'No control: it takes CAP_MKNOD of the machine.',
      },
      {
        attack: 'watches the mount point with inotify(7) while the session writes',
        expected: 'refused',
        run: ({sealed}) =>
          watching(sealed, sealed.resident.vault, async () => {
            await sealed.session.ask(`echo something > ${sealed.resident.vault}/written`);
          }),
        without: 'the file system of the vault: a directory of the home',
        control: ({plain}) =>
          watching(plain, plain.user.home, async () => {
            writeFileSync(join(plain.user.home, 'written'), 'something');
          }),
      },
    ],
    () => worlds!,
  );

  testRows(
    'What /proc shows of any process',
    [
      known(
        'reads the command lines, names and states of the session’s processes (/proc/PID/{cmdline,comm,stat,status})',
        'the kernel shows them to every user, so an argument cannot be secret',
        ({intruder, resident}) => intruder.trySecret(resident.name, 'read', `/proc/${resident.pid}/cmdline`),
      ),
      known(
        'reads where the vault is mounted (/proc/PID/{mountinfo,mounts,mountstats})',
        'the paths, and nothing of what is under them',
        ({intruder, resident}) => intruder.trySecret(resident.vault, 'read', `/proc/${resident.pid}/mountinfo`),
      ),
      known(
        'reads limits, control group and scheduling of the session’s processes',
        'numbers that say nothing of the vault',
        ({intruder, resident}) => intruder.try('read', `/proc/${resident.pid}/limits`),
      ),
      known(
        'lists the numbers of the files that a process of the session has open',
        'the numbers, and not what is open',
        ({intruder, resident}) => intruder.try('list', `/proc/${resident.pid}/fd`),
      ),
      known(
        'stops, continues and ends processes of the session with signals',
        'kill(2) asks for the same uid, so the process can end a session; the session’s variables keep Node.js and Java from opening a debugger on a signal',
        async ({intruder, resident}) => {
          const stopped = await intruder.try('signal', resident.pid, 'STOP');
          return stopped.got ? intruder.try('signal', resident.pid, 'CONT') : stopped;
        },
      ),
      known(
        'lowers limits of the session’s processes with prlimit(2)',
        'as with signals: it can hinder a session, not look into it',
        // RLIMIT_SIGPENDING
        ({intruder, resident}) => intruder.try('limit', resident.pid, 11, 1000),
      ),
    ],
    () => worlds!,
  );
});

/** Minor number of the loop device that the vault is on. */
async function loopOf({session}: SealedWorld): Promise<string | undefined> {
  const {output} = await session.ask('cat /proc/self/mountinfo');
  return / 7:(\d+) \/ \S+\/secrets /.exec(output)?.[1];
}

async function watching({user, intruder}: World, folder: string, act: () => Promise<void>): Promise<Seen> {
  const cue = join(user.home, '.run/watching');
  const seen = intruder.try('watch', folder, cue);
  await until('the intruder watches', () => existsSync(cue));
  await act();
  return seen;
}
