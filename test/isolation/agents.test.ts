import {mkdirSync, rmSync} from 'node:fs';
import {join} from 'node:path';
import {makeOwner, needsRoot} from '../bed/owner.ts';
import {chownTo, writeAs} from '../bed/ownership.ts';
import {atTheEnd} from '../bed/made-by.ts';
import {type Ended, runAs, type RunOptions} from '../bed/run.ts';
import {openSession, type TestSession} from '../bed/session.ts';
import {type BedUser, endProcessesOf} from '../bed/user.ts';
import {makeVault} from '../bed/vault.ts';
import {type Row, testRows} from './matrix.ts';
import type {Seen} from './seen.ts';

/** A user with an open vault, and one without: whose programs are all outside. */
type Worlds = {readonly user: BedUser; readonly session: TestSession; readonly plain: BedUser};

/** A server that programs start for themselves, and a client of it. Both are shell code. */
type Server = {
  readonly name: string;
  /** Starts it, and prints the path of its socket as the last line. */
  readonly start: string;
  /** Asks the server behind `$SOCKET`; ends with 0 if it answers. */
  readonly ask: string;
};

const makeGpgKey =
  'mkdir -p -m 700 ~/.gnupg && gpg --batch --yes --passphrase "" --quick-gen-key "$RANDOM@example.org" default default never';

const sshFolder = '${TMPDIR:-$HOME}/ssh';

const servers: readonly Server[] = [
  {
    name: 'a gpg-agent that has a key of a bridged ~/.gnupg',
    start: `${makeGpgKey} && gpgconf --list-dirs agent-socket`,
    // An agent of the login may be at the same path.
    ask: 'gpg-connect-agent -S "$SOCKET" "KEYINFO --list" /bye | grep "^S KEYINFO"',
  },
  {
    name: 'an ssh-agent',
    start: 'eval "$(ssh-agent)" && ssh-add -l; echo $SSH_AUTH_SOCK',
    ask: 'SSH_AUTH_SOCK="$SOCKET" ssh-add -l; [ $? -lt 2 ]',
  },
  {
    name: 'git credential-cache',
    start:
      'printf "protocol=https\\nhost=h\\nusername=u\\npassword=p\\n\\n" | git credential-cache store && echo ~/.cache/git/credential/socket',
    ask: '[ -S "$SOCKET" ] && printf "protocol=https\\nhost=h\\n\\n" | git credential-cache --socket "$SOCKET" get | grep password',
  },
  {
    name: 'the master of an ssh connection, in a bridged ~/.ssh',
    start: `mkdir -p ~/.ssh ${sshFolder} && ssh-keygen -qt ed25519 -N "" -f ${sshFolder}/key && cp ${sshFolder}/key.pub ${sshFolder}/authorized &&
      printf "HostKey ${sshFolder}/key\\nAuthorizedKeysFile ${sshFolder}/authorized\\nStrictModes no\\nPidFile none\\n" > ${sshFolder}/sshd_config &&
      ssh -F none -o ControlMaster=yes -o ControlPath=~/.ssh/master -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null \
        -o ProxyCommand="/usr/sbin/sshd -i -f ${sshFolder}/sshd_config" -i ${sshFolder}/key -N -f host && echo ~/.ssh/master`,
    ask: 'ssh -F none -S "$SOCKET" -O check host',
  },
  {
    name: 'a tmux server',
    start: 'tmux new-session -d && tmux display -p "#{socket_path}"',
    ask: 'tmux -S "$SOCKET" list-sessions',
  },
  {
    name: 'an Emacs server',
    start: 'emacs -Q --daemon && emacsclient --eval "(expand-file-name server-name server-socket-dir)" | tr -d \\"',
    ask: 'emacsclient --socket-name "$SOCKET" --eval 1',
  },
  {
    name: 'a Neovim server',
    start: `rm -f ~/nvim-at; nvim --clean --headless --cmd 'call writefile([v:servername], $HOME . "/nvim-at")' < /dev/null > /dev/null 2>&1 &
      until [ -s ~/nvim-at ]; do sleep 0.02; done; cat ~/nvim-at`,
    ask: 'nvim --clean --server "$SOCKET" --remote-expr 1',
  },
];

const neovim = servers.at(-1)!;

/** What a program inside gives away, if it finds a service of the login. Shell code, too. */
type Giver = {
  readonly attack: string;
  /** The service, which is there before. */
  readonly serve: string;
  /** Inside; may fail. */
  readonly give: string;
  /** Outside, afterwards: ends with 0 if it has what was given. */
  readonly has: string;
};

const givers: readonly Giver[] = [
  {
    attack: 'takes a key that ssh-add loads in the session, by the ssh-agent of the login',
    serve: 'ssh-agent -a "$XDG_RUNTIME_DIR/outer-agent" > /dev/null',
    give: 'ssh-keygen -qt ed25519 -N "" -C given -f ${TMPDIR:-$HOME}/given && ssh-add ${TMPDIR:-$HOME}/given',
    has: 'ssh-add -l | grep given',
  },
  {
    attack: 'takes a key that gpg makes in the session, by the gpg-agent of the login',
    serve: 'mkdir -p -m 700 ~/.gnupg && gpg-connect-agent /bye',
    give: makeGpgKey,
    has: 'gpg-connect-agent "KEYINFO --list" /bye | grep "^S KEYINFO"',
  },
  {
    attack: 'takes a password that git stores in the session, by the credential-cache of the login',
    serve: 'printf "protocol=https\\nhost=outer\\nusername=u\\npassword=p\\n\\n" | git credential-cache store',
    give: 'printf "protocol=https\\nhost=inner\\nusername=u\\npassword=p\\n\\n" | git credential-cache store',
    has: 'printf "protocol=https\\nhost=inner\\n\\n" | git credential-cache get | grep password',
  },
  {
    attack: 'hears what a program of the session says on the D-Bus of the login',
    serve: `perl -MSocket -e 'socket(my $bus, AF_UNIX, SOCK_STREAM, 0); bind($bus, pack_sockaddr_un("$ENV{XDG_RUNTIME_DIR}/bus")) or die $!;
      listen($bus, 5); exit if fork; open(STDOUT, ">", "$ENV{HOME}/heard"); open(STDERR, ">&STDOUT"); accept(my $guest, $bus); sysread($guest, my $said, 64); syswrite(STDOUT, $said)'`,
    give: `perl -MSocket -e 'my ($path) = $ENV{DBUS_SESSION_BUS_ADDRESS} =~ /path=([^,;]+)/; socket(my $bus, AF_UNIX, SOCK_STREAM, 0);
      connect($bus, pack_sockaddr_un($path)) or die "$path: $!"; syswrite($bus, "given"); sysread($bus, my $end, 1)'`,
    has: 'grep given ~/heard',
  },
];

describe('A process of the same user, and the agents inside and outside of a sealed session', function () {
  this.timeout(180_000);
  let worlds: Worlds | undefined;

  before(async function () {
    needsRoot(this);
    const user = makeOwner();
    const bridges = '[{home: .gnupg, vault: gnupg}, {home: .ssh, vault: ssh}]';
    mkdirSync(join(user.home, '.config/tazpod'), {recursive: true});
    for (const folder of ['.config', '.config/tazpod']) chownTo(user, join(user.home, folder));
    writeAs(user, join(user.home, '.config/tazpod/config.yaml'), `bridges: ${bridges}\n`);
    const plain = makeOwner();
    for (const each of [user, plain]) makeRuntimeFolder(each);
    for (const {serve} of givers) await runAs(plain, ['bash', '-c', quiet(serve)], login(plain));
    const session = await openSession(await makeVault(user), [], login(user));
    for (const {serve} of givers) await runAs(user, ['bash', '-c', quiet(serve)], login(user));
    worlds = {user, session, plain};
  });

  after(async () => {
    await worlds?.session.leave();
    if (worlds !== undefined) endProcessesOf(worlds.user.uid);
    if (worlds !== undefined) endProcessesOf(worlds.plain.uid);
  });

  testRows(
    'Agents and servers of the session',
    servers.map((server): Row<Worlds> => ({
      attack: `connects to ${server.name}, by the path of its socket`,
      expected: 'refused',
      run: async ({user, session}) => ask(user, server, await startInside(session, server.start)),
      without: 'a runtime directory, TMPDIR and bridges of the session’s own: the same server outside',
      control: async ({plain}) =>
        ask(plain, server, lastLine(await runAs(plain, ['bash', '-c', quiet(server.start)], login(plain)))),
    })),
    () => worlds!,
  );

  testRows(
    'Sockets in the home',
    [
      {
        attack:
          'connects to a server of the session by a socket in the home, as that of `ssh` with ControlPath ~/.ssh/…',
        expected: 'succeeds',
        because:
          'the kernel finds a socket by its file, and the home is there outside too; sockets in the vault, in a bridge, in ' +
          'TMPDIR and in XDG_RUNTIME_DIR are inside only',
        run: async ({user, session}) => {
          const socket = join(user.home, 'socket');
          const start = `nvim --clean --headless --listen ${socket} < /dev/null > /dev/null 2>&1 &
            until [ -S ${socket} ]; do sleep 0.02; done; echo ${socket}`;
          return ask(user, neovim, await startInside(session, start));
        },
        without: '',
      },
    ],
    () => worlds!,
  );

  testRows(
    'Agents and services of the login',
    givers.map(({attack, give, has}): Row<Worlds> => ({
      attack,
      expected: 'refused',
      run: async ({user, session}) => {
        const {output} = await session.ask(give);
        return outside(user, has, output);
      },
      without: 'a runtime directory and variables of the session’s own: the same without a ghost',
      control: async ({plain}) => {
        const {stdout, stderr} = await runAs(plain, ['bash', '-c', give], login(plain));
        return outside(plain, has, `${stdout}${stderr}`);
      },
    })),
    () => worlds!,
  );
});

/** As systemd makes it at a login. */
function makeRuntimeFolder(user: BedUser): void {
  const folder = `/run/user/${user.uid}`;
  mkdirSync(folder, {recursive: true, mode: 0o700});
  chownTo(user, folder);
  atTheEnd(() => rmSync(folder, {recursive: true, force: true}));
}

function login({uid}: BedUser): RunOptions {
  const runtimeFolder = `/run/user/${uid}`;
  return {
    env: {
      DBUS_SESSION_BUS_ADDRESS: `unix:path=${runtimeFolder}/bus`,
      SSH_AUTH_SOCK: `${runtimeFolder}/outer-agent`,
      XDG_RUNTIME_DIR: runtimeFolder,
    },
  };
}

async function outside(user: BedUser, code: string, before = ''): Promise<Seen> {
  const {code: status, stdout, stderr} = await runAs(user, ['bash', '-c', code], login(user));
  return {got: status === 0, what: `${before}${stdout}${stderr}`.trim()};
}

/** The standard streams of what stays are not the test's. */
function quiet(code: string): string {
  return `{ ${code}\n} 2> /dev/null | cat`;
}

async function startInside(session: TestSession, code: string): Promise<string> {
  const {output, code: status} = await session.ask(code);
  if (status !== 0) throw new Error(`The server was not started inside: ${output}`);
  return output.trim().split('\n').at(-1)!;
}

function lastLine({stdout, stderr}: Ended): string {
  const line = stdout.trim().split('\n').at(-1)!;
  if (line === '') throw new Error(`The server was not started outside: ${stderr}`);
  return line;
}

function ask(user: BedUser, {ask: code}: Server, socket: string): Promise<Seen> {
  return outside(user, `SOCKET=${socket}; ${code}`, `${socket}: `);
}
