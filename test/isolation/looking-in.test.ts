import {needsRoot} from '../bed/owner.ts';
import {type Row, testRows} from './matrix.ts';
import {anyOf, type Seen} from './seen.ts';
import {openOwnWorld, openPlainWorld, openSealedWorld, type SealedWorld, type World} from './worlds.ts';

type Worlds = {readonly sealed: SealedWorld; readonly plain: World; readonly own: World};
type Attack = (world: World) => Promise<Seen>;

const noSeal = 'the user namespace that root owns';

describe('A process of the same user that looks into a sealed session', () => {
  let worlds: Worlds | undefined;

  before(async function () {
    needsRoot(this);
    const [sealed, plain, own] = await Promise.all([openSealedWorld(), openPlainWorld(), openOwnWorld()]);
    worlds = {sealed, plain, own};
  });

  after(async () => {
    await Promise.all(Object.values(worlds ?? {}).map((world) => world.close()));
  });

  /** An attack on the session, and as its control the same on a plain process. */
  function row(attack: string, run: Attack, control: 'plain' | 'own' = 'plain', without = noSeal): Row<Worlds> {
    return {
      attack,
      expected: 'refused',
      run: ({sealed}) => run(sealed),
      without,
      control: (each) => run(each[control]),
    };
  }

  /** One that nothing but the kernel's own rule stands against. */
  function always(attack: string, why: string, run: Attack): Row<Worlds> {
    return {attack, expected: 'refused', run: ({sealed}) => run(sealed), without: why};
  }

  const proc =
    (name: string): Attack =>
    ({intruder, resident}) =>
      intruder.try('read', `/proc/${resident.pid}/${name}`);
  const secretIn =
    (name: string): Attack =>
    ({intruder, resident}) =>
      intruder.trySecret(resident.secret, 'read', `/proc/${resident.pid}/${name}`);
  const link =
    (name: string): Attack =>
    ({intruder, resident}) =>
      intruder.try('link', `/proc/${resident.pid}/${name}`);
  const toThe =
    (attack: string, ...words: string[]): Attack =>
    ({intruder, resident}) =>
      intruder.try(attack, resident.pid, ...words);

  testRows(
    'Looking in through /proc',
    [
      {
        attack: 'lists the mount point and reads the file in it by its name',
        expected: 'refused',
        run: ({sealed: {intruder, resident}}) =>
          anyOf(
            intruder.trySecret('token', 'list', resident.vault),
            intruder.trySecret(resident.secret, 'read', `${resident.vault}/token`),
          ),
        without: 'the mount namespace: the same from inside',
        control: async ({sealed: {session, resident}}) => {
          const {output} = await session.ask(`cat ${resident.vault}/token`);
          return {got: output.includes(resident.secret), what: 'the secret'};
        },
      },
      row('reads the vault through /proc/PID/root', ({intruder, resident}) =>
        intruder.trySecret(resident.secret, 'read', `/proc/${resident.pid}/root${resident.vault}/token`),
      ),
      row('reads the vault through /proc/PID/cwd', secretIn('cwd/token')),
      row('lists the vault through /proc/PID/task/TID/cwd', ({intruder, resident}) =>
        intruder.trySecret('token', 'list', `/proc/${resident.pid}/task/${resident.pid}/cwd/`),
      ),
      row('reads an open file of the vault through /proc/PID/fd', ({intruder, resident}) =>
        intruder.trySecret(resident.secret, 'read', `/proc/${resident.pid}/fd/${resident.at['kept']}`),
      ),
      row('reads where an open file stands in /proc/PID/fdinfo', ({intruder, resident}) =>
        intruder.try('read', `/proc/${resident.pid}/fdinfo/${resident.at['kept']}`),
      ),
      row('reads /proc/PID/environ', secretIn('environ')),
      row('reads /proc/PID/task/TID/environ', ({intruder, resident}) =>
        intruder.trySecret(resident.secret, 'read', `/proc/${resident.pid}/task/${resident.pid}/environ`),
      ),
      row('reads the stack of the process out of /proc/PID/mem', ({intruder, resident}) =>
        intruder.trySecret(resident.secret, 'memory', resident.pid),
      ),
      ...['maps', 'smaps', 'smaps_rollup', 'numa_maps', 'pagemap'].map((name) =>
        row(`reads the layout of the memory in /proc/PID/${name}`, proc(name)),
      ),
      row('lists /proc/PID/map_files', ({intruder, resident}) =>
        intruder.try('list', `/proc/${resident.pid}/map_files`),
      ),
      row('reads addresses and random bytes in /proc/PID/auxv', proc('auxv')),
      row('reads the arguments of the current system call in /proc/PID/syscall', proc('syscall')),
      row('reads what the process waits for in the kernel in /proc/PID/wchan', async ({intruder, resident}) => {
        const {bytes, ...seen} = await intruder.try('read', `/proc/${resident.pid}/wchan`);
        return bytes.toString() === '0' ? {got: false, what: 'a zero'} : seen;
      }),
      row('reads how much was read and written in /proc/PID/io', proc('io')),
      row('reads /proc/PID/personality and /proc/PID/timerslack_ns', (world) =>
        anyOf(proc('personality')(world), proc('timerslack_ns')(world)),
      ),
      row('reads the name of the program in /proc/PID/exe', link('exe')),
      row('reads the names of the namespaces in /proc/PID/ns', (world) =>
        anyOf(...['mnt', 'pid', 'ipc', 'user', 'net', 'uts', 'cgroup'].map((name) => link(`ns/${name}`)(world))),
      ),
      row('opens the namespaces in /proc/PID/ns', (world) =>
        anyOf(...['mnt', 'pid', 'ipc', 'user'].map((name) => proc(`ns/${name}`)(world).then(opened))),
      ),
      always('reads /proc/PID/stack', 'No control: since Linux 4.20 the kernel shows it to root alone.', proc('stack')),
    ],
    () => worlds!,
  );

  testRows(
    'Reaching in through system calls',
    [
      row('attaches with ptrace(2)', toThe('attach')),
      row('seizes with ptrace(2)', toThe('seize')),
      row('reads memory with process_vm_readv(2)', ({intruder, resident}) =>
        intruder.trySecret(resident.secret, 'vm_readv', resident.pid),
      ),
      row('writes memory with process_vm_writev(2)', toThe('vm_writev')),
      row('copies an open file with pidfd_getfd(2)', ({intruder, resident}) =>
        intruder.try('getfd', resident.pid, resident.at['kept']!),
      ),
      row('compares resources with kcmp(2)', toThe('kcmp')),
      row('asks where its pages are with move_pages(2)', toThe('pages')),
      row('asks for an address in it with get_robust_list(2)', toThe('robust_list')),
      row('counts its page faults, with addresses, by perf_event_open(2)', toThe('perf')),
      always(
        'advises the kernel on its memory with process_madvise(2)',
        'No control: it takes CAP_SYS_NICE besides.',
        toThe('madvise'),
      ),
    ],
    () => worlds!,
  );

  const ofRoots = 'root as the maker: a session in a user namespace of the user’s own';

  testRows(
    'Entering the namespaces',
    [
      row('enters the user namespace', toThe('enter', 'user'), 'own', ofRoots),
      ...['mnt', 'ipc', 'pid'].map((kind) =>
        row(`enters the user namespace, and then the ${kind} namespace`, toThe('enter', 'user', kind), 'own', ofRoots),
      ),
      always(
        'enters the mount namespace alone',
        'No control: it takes CAP_SYS_ADMIN in any case.',
        toThe('enter', 'mnt'),
      ),
      row('enters all of them through a pidfd', toThe('enter_by_pidfd'), 'own', ofRoots),
      ...(
        [
          ['enters the mount namespace', 'enter', ['mnt']],
          ['enters all of them through a pidfd', 'enter_by_pidfd', []],
          ['attaches with ptrace(2)', 'attach', []],
          ['reads memory with process_vm_readv(2)', 'vm_readv', []],
          ['compares resources with kcmp(2)', 'kcmp', []],
        ] as const
      ).map(([what, attack, words]) =>
        always(
          `${what}, with every capability in a user namespace of its own`,
          'No control: a capability counts only in its own user namespace, and the kernel has no switch for that.',
          ({intruder, resident}) => intruder.inOwnUserNamespace().try(attack, resident.pid, ...words),
        ),
      ),
    ],
    () => worlds!,
  );
});

/** A namespace file has no bytes to read: to have opened it is enough. */
function opened({got, what}: Seen): Seen {
  return what === 'EINVAL' ? {got: true, what: 'open'} : {got, what};
}
