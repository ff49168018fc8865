import {spawnSync} from 'node:child_process';
import {writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {needsRoot} from '../bed/owner.ts';
import {chownTo} from '../bed/ownership.ts';
import {processTree} from '../bed/process-tree.ts';
import {startAs} from '../bed/run.ts';
import {atGhostPrompt, atPrompt, openTerminal, type TestTerminal} from '../bed/terminal.ts';
import {until} from '../bed/until.ts';
import type {BedUser} from '../bed/user.ts';
import {makeVault} from '../bed/vault.ts';
import type {Intruder} from './intruder.ts';
import {type Row, testRows} from './matrix.ts';
import {anyOf, type Seen} from './seen.ts';
import {logIn} from './worlds.ts';

type Worlds = {
  readonly user: BedUser;
  readonly intruder: Intruder;
  /** In this one a ghost's shell runs. */
  readonly taken: TestTerminal;
  /** In this one the ghost asks for a passphrase. */
  readonly asking: TestTerminal;
  /** In this one there is no ghost: the control. */
  readonly free: TestTerminal;
  /** What is written here sends off a job of the taken terminal that waits since before the ghost came. */
  readonly cue: string;
};

const free = 'root as the terminal’s owner: one without a ghost';

describe('A process of the same user that turns to the terminal of a ghost', () => {
  let worlds: Worlds | undefined;

  before(async function () {
    needsRoot(this);
    const {user, intruder} = logIn();
    const [vault, other] = [await makeVault(user), await makeVault(user)];
    const [taken, asking, third] = await Promise.all([openTerminal(user), openTerminal(user), openTerminal(user)]);
    const cue = join(user.home, 'cue');
    spawnSync('mkfifo', [cue]);
    chownTo(user, cue);
    taken.enter('(read -r go < ~/cue; echo written-by-job-$((20 + 3)) > /dev/tty) &');
    taken.enter(`tazpod unlock ${vault.flags.join(' ')}`);
    asking.enter(`tazpod unlock --image ${other.image} --mount-point ${other.mountPoint}`);
    await Promise.all([taken.shows(atGhostPrompt), asking.shows(/^Passphrase for /m)]);
    worlds = {user, intruder, taken, asking, free: third, cue};
  });

  after(async () => {
    if (worlds === undefined) return;
    worlds.intruder.leave();
    worlds.taken.enter('exit');
    worlds.asking.press('C-c');
    for (const terminal of [worlds.taken, worlds.asking, worlds.free]) {
      await terminal.shows(atPrompt);
      terminal.close();
    }
  });

  type Attack = (worlds: Worlds, terminal: TestTerminal) => Promise<Seen>;

  /** An attack on a taken terminal and on one that waits for a passphrase. */
  function row(attack: string, run: Attack): Row<Worlds> {
    return {
      attack,
      expected: 'refused',
      run: (each) => anyOf(run(each, each.taken), run(each, each.asking)),
      without: free,
      control: (each) => run(each, each.free),
    };
  }

  testRows(
    'The terminal, while a passphrase is asked for and while the ghost’s shell runs in it',
    [
      row('opens it for reading and writing by its name, /dev/pts/N', ({intruder}, {path}) =>
        intruder.try('open', path),
      ),
      row('opens it for writing alone', ({intruder}, {path}) => intruder.try('write', path, '')),
      row('opens it through the open file of the shell outside, /proc/PID/fd/0', ({intruder}, {shellPid}) =>
        intruder.try('reopen', shellPid, 0),
      ),
      row('opens it through the open file of the CLI, /proc/PID/fd/0', ({intruder}, {shellPid}) => {
        const cli = processTree(shellPid).find(({role}) => role === 'the CLI');
        return intruder.try('reopen', cli?.pid ?? shellPid, 0);
      }),
      row('gives itself permission with chmod(2)', ({intruder}, {path}) => intruder.try('chmod', path, '0600')),
      {
        attack: 'types into it with TIOCSTI, from a session of its own',
        expected: 'refused',
        run: ({intruder, taken, asking}) =>
          anyOf(intruder.try('type_as_own', taken.path), intruder.try('type_as_own', asking.path)),
        without: 'No control: the kernel lets only processes of the terminal’s own session, or root.',
      },
      {
        attack: 'writes to the session’s own terminal under the name that it has inside',
        expected: 'refused',
        run: async ({intruder, taken}) => {
          taken.clear();
          taken.enter('tty');
          const [, inner] = await taken.shows(/^(\/dev\/pts\/\d+)$/m);
          return writing(intruder, inner!, taken);
        },
        without: 'terminals of the session’s own: a shell without a ghost',
        control: async ({intruder, free: terminal}) => {
          terminal.clear();
          terminal.enter('tty');
          const [, path] = await terminal.shows(/^(\/dev\/pts\/\d+)$/m);
          return writing(intruder, path!, terminal);
        },
      },
      {
        attack: 'writes on the terminal through a descriptor that it opened before the ghost took it',
        expected: 'succeeds',
        because:
          'the kernel takes no open file away from anybody; what was open before can also read along and take keys away',
        run: async ({user}) => {
          const terminal = await openTerminal(user);
          const script = `exec 3<>${terminal.path}; echo ready; read -r go; echo written-from-outside >&3`;
          const holder = startAs(user, ['sh', '-c', script]);
          await holder.seen(/ready/);
          const vault = await makeVault(user, {mountPoint: `${user.home}/third`});
          terminal.enter(`tazpod unlock ${vault.flags.join(' ')}`);
          await terminal.shows(atGhostPrompt);
          holder.type('go\n');
          const seen = await shown(terminal, /written-from-outside/);
          terminal.enter('exit');
          await terminal.shows(atPrompt);
          terminal.close();
          return seen;
        },
        without: '',
      },
      {
        attack: 'writes on the terminal through /dev/tty, as a job that was started in it before',
        expected: 'succeeds',
        because:
          'the terminal is the job’s own too, and the kernel opens it for its jobs even if another user owns the device: the user who types there started them',
        run: async ({taken, cue}) => {
          taken.clear();
          writeFileSync(cue, 'go\n');
          return shown(taken, /written-by-job-23/);
        },
        without: '',
      },
      {
        attack: 'types into the ghost’s shell through the program that shows the terminal (here tmux)',
        expected: 'succeeds',
        because:
          'the terminal emulator is the user’s process and all that is typed and shown goes through it; what can trace it (kernel.yama.ptrace_scope=0), or asks it as tmux can be asked, sits at the keyboard',
        run: async ({taken}) => {
          // The bed's own way to type is tmux send-keys, called as the user.
          taken.clear();
          taken.enter('echo typed-by-$TAZPOD_GHOST_MODE-intruder');
          return shown(taken, /^typed-by-true-intruder$/m);
        },
        without: '',
      },
    ],
    () => worlds!,
  );
});

async function writing(intruder: Intruder, path: string, terminal: TestTerminal): Promise<Seen> {
  const {got, what} = await intruder.try('write', path, 'written-from-outside');
  const seen = got ? await shown(terminal, /written-from-outside/) : {got, what};
  // A new line, and the prompt is to be seen again.
  terminal.press('C-c');
  return seen;
}

async function shown(terminal: TestTerminal, pattern: RegExp): Promise<Seen> {
  try {
    await until('the terminal shows it', () => pattern.test(terminal.screen()), {withinMs: 2000});
    return {got: true, what: 'shown on the screen'};
  } catch {
    return {got: false, what: 'not on the screen'};
  }
}
