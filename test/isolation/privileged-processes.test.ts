import {readProcessStatus} from '../../src/kernel/process-record.ts';
import {processTree, type Role, type TreeProcess} from '../bed/process-tree.ts';
import {needsRoot} from '../bed/owner.ts';
import {atGhostPrompt, atPrompt, openTerminal, type TestTerminal} from '../bed/terminal.ts';
import {makeVault} from '../bed/vault.ts';
import type {Intruder} from './intruder.ts';
import {type Row, testRows} from './matrix.ts';
import {allOf, anyOf, type Seen} from './seen.ts';
import {logIn} from './worlds.ts';

type Worlds = {readonly intruder: Intruder; readonly terminal: TestTerminal; readonly tree: readonly TreeProcess[]};

/** Everything between sudo and the session: root's, and a process that gets into one of them has the vault. */
const privileged: readonly Role[] = [
  'sudo',
  'the ghost',
  'the block server',
  "the terminal's guard",
  'unshare',
  'the init',
  'the relay',
];

describe('A process of the same user that turns to the privileged processes', () => {
  let worlds: Worlds | undefined;

  before(async function () {
    needsRoot(this);
    const {user, intruder} = logIn();
    const [vault, terminal] = [await makeVault(user), await openTerminal(user)];
    terminal.enter(`tazpod unlock ${vault.flags.join(' ')}`);
    await terminal.shows(atGhostPrompt);
    worlds = {intruder, terminal, tree: processTree(terminal.shellPid)};
  });

  after(async () => {
    if (worlds === undefined) return;
    worlds.intruder.leave();
    worlds.terminal.enter('exit');
    await worlds.terminal.shows(atPrompt);
    worlds.terminal.close();
  });

  function row(
    what: string,
    run: (intruder: Intruder, pid: number) => Promise<Seen>[],
    roles: readonly Role[] = privileged,
  ): Row<Worlds> {
    return {
      attack: `${what} of ${roles.join(', ')}`,
      expected: 'refused',
      run: async ({intruder, tree}) => {
        const targets = tree.filter(({role, pid}) => role !== undefined && roles.includes(role) && isRoots(pid));
        const missing = roles.filter((role) => !targets.some((target) => target.role === role));
        if (missing.length > 0) throw new Error(`There is no process of root's that is ${missing.join(', ')}.`);
        return anyOf(...targets.flatMap(({pid}) => run(intruder, pid)));
      },
      without: 'root as their owner: the CLI, which is the user’s',
      control: ({intruder, tree}) => allOf(...run(intruder, tree.find(({role}) => role === 'the CLI')!.pid)),
    };
  }

  testRows(
    'The privileged processes',
    [
      row('reads environment, memory and its layout', (intruder, pid) => [
        intruder.try('read', `/proc/${pid}/environ`),
        intruder.try('read', `/proc/${pid}/maps`),
        intruder.try('memory', pid),
        intruder.try('vm_readv', pid),
      ]),
      row('reads open files and directories', (intruder, pid) => [
        intruder.try('list', `/proc/${pid}/fd`),
        intruder.try('link', `/proc/${pid}/fd/0`),
        intruder.try('link', `/proc/${pid}/exe`),
        intruder.try('link', `/proc/${pid}/cwd`),
        intruder.try('list', `/proc/${pid}/root/`),
        intruder.try('getfd', pid, 0),
      ]),
      row('reads the names of the namespaces', (intruder, pid) =>
        ['mnt', 'user', 'pid'].map((name) => intruder.try('link', `/proc/${pid}/ns/${name}`)),
      ),
      row('attaches with ptrace(2) to any', (intruder, pid) => [intruder.try('seize', pid)]),
      row('changes limits, core dumps and how soon the kernel ends any', (intruder, pid) => [
        // RLIMIT_SIGPENDING
        intruder.try('limit', pid, 11, 1000),
        intruder.try('write', `/proc/${pid}/coredump_filter`, '0'),
        intruder.try('write', `/proc/${pid}/oom_score_adj`, '0'),
      ]),
      row(
        'sends a signal to any',
        (intruder, pid) => [intruder.try('signal', pid, 'CONT')],
        privileged.filter((role) => role !== 'sudo'),
      ),
      {
        attack: 'sends a signal to sudo',
        expected: 'succeeds',
        because: 'its real uid is the user’s; it can be ended, and then the vault is closed',
        run: ({intruder, tree}) => intruder.try('signal', tree.find(({role}) => role === 'sudo')!.pid, 'CONT'),
        without: '',
      },
    ],
    () => worlds!,
  );
});

/** sudo has the user's real id, and the block server ids that are nobody's. */
function isRoots(pid: number): boolean {
  const uid = readProcessStatus(pid)?.uid;
  return uid?.effective === 0 || uid?.real === 0 || (uid?.real ?? 0) >= firstOwnId;
}

/** Above the ids of every account, see `src/confined/ids.ts`. */
const firstOwnId = 60_706;
