import {spawnSync} from 'node:child_process';
import {createHash} from 'node:crypto';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  closeSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
} from 'node:fs';
import {join} from 'node:path';
import {install} from '../bed/install.ts';
import {findLeftovers} from '../bed/leftovers.ts';
import {chownTo, writeAs} from '../bed/ownership.ts';
import {makeOwner, needsRoot} from '../bed/owner.ts';
import {asUser, runAs} from '../bed/run.ts';
import {type BedUser, makeUser} from '../bed/user.ts';
import {makeVault, planVault, type TestVault} from '../bed/vault.ts';
import {callByHand, type HandEnded, type HandOptions, makeMountPoint, planOf} from './by-hand.ts';
import {type Row, testRows} from './matrix.ts';
import type {Seen} from './seen.ts';

type Worlds = {
  readonly user: BedUser;
  readonly vault: TestVault;
  /** A directory full of code that says who ran it. */
  readonly evil: string;
  /** Where it says so. */
  readonly canary: string;
};

/** Programs that the privileged side runs, and some that it might. */
const programs = [
  'node',
  'sh',
  'env',
  'mount',
  'umount',
  'unshare',
  'nsenter',
  'setpriv',
  'cryptsetup',
  'getent',
  'id',
];

describe('A process of the same user that prepares the way through sudo', () => {
  let worlds: Worlds | undefined;

  before(async function () {
    needsRoot(this);
    const user = makeOwner();
    const vault = await makeVault(user);
    makeMountPoint(vault);
    const evil = join(user.home, 'evil');
    const canary = join(user.home, 'canary');
    mkdirSync(join(evil, 'bin'), {recursive: true});
    writeAs(user, join(evil, 'code.cjs'), `require('fs').appendFileSync('${canary}', process.geteuid() + '\\n')`);
    writeAs(user, join(evil, 'code.sh'), `/usr/bin/id -u >> ${canary}`);
    for (const name of programs) {
      writeAs(user, join(evil, 'bin', name), `#!/bin/sh\n/usr/bin/id -u >> ${canary}\nexit 1\n`);
      chmodSync(join(evil, 'bin', name), 0o755);
    }
    worlds = {user, vault, evil, canary};
  });

  beforeEach(() => {
    if (worlds !== undefined) writeAs(worlds.user, worlds.canary, '');
  });

  /** Calls the entry, which must open the vault and run a command as the user, or refuse. */
  const call = ({user, vault}: Worlds, options: HandOptions, ...command: readonly string[]) =>
    callByHand(user, planOf(vault, ...(command.length === 0 ? ['true'] : command)), options);

  /** Root, without sudo, with the variables as they are. */
  function asRoot(environment: Readonly<Record<string, string>>, command: readonly string[]) {
    const words = [`PATH=${install().path}:/usr/bin:/bin`, ...variables(environment), ...command];
    return spawnSync('/usr/bin/env', ['--ignore-environment', ...words], {
      encoding: 'utf8',
      // With a socket there, as Node makes one, bash believes that a remote shell called it, and obeys other variables.
      stdio: ['ignore', 'pipe', 'pipe'],
    });
  }

  const canaryOf = ({canary}: Worlds): Seen => {
    const ranAs = readFileSync(canary, 'utf8').split('\n').filter(Boolean);
    return {
      got: ranAs.includes('0'),
      what: ranAs.length === 0 ? 'not run at all' : `run as ${[...new Set(ranAs)].join(', ')}`,
    };
  };

  /** Variables that make code of the attacker's run, where they are obeyed. */
  function obeyed(
    what: string,
    environment: (worlds: Worlds) => Readonly<Record<string, string>>,
    victim?: readonly string[],
  ): Row<Worlds> {
    return {
      attack: `has its own code run by ${what}`,
      expected: 'refused',
      run: async (each) => {
        await call(each, {env: environment(each)});
        return canaryOf(each);
      },
      without: 'sudo’s and the entry’s fresh environment: the same variables handed to root’s Node or shell',
      control: async (each) => {
        asRoot(environment(each), victim ?? ghostWithoutEntry());
        return canaryOf(each);
      },
    };
  }

  /** Variables that make root write files where the attacker says, where they are obeyed. */
  function written(
    what: string,
    environment: (folder: string) => Readonly<Record<string, string>>,
    victim?: readonly string[],
  ): Row<Worlds> {
    return {
      attack: `makes root write into a directory of the user’s by ${what}`,
      expected: 'refused',
      run: async (each) => {
        const folder = ownFolder(each.user);
        await call(each, {env: environment(folder)});
        return rootsFilesIn(folder);
      },
      without: 'sudo’s and the entry’s fresh environment: the same variables handed to root’s Node or shell',
      control: async (each) => {
        const folder = ownFolder(each.user);
        asRoot(environment(folder), victim ?? ghostWithoutEntry());
        return rootsFilesIn(folder);
      },
    };
  }

  /** Circumstances in which the entry may fail, but must harm nobody: got is what it should not have done. */
  function adverse(what: string, without: string, options: (worlds: Worlds) => readonly HandOptions[]): Row<Worlds> {
    return {
      attack: what,
      expected: 'refused',
      async run(each) {
        const before = fingerprint(each.vault.image);
        const harm: string[] = [];
        const codes = new Set<number>();
        for (const option of options(each)) {
          const ended = await call(each, option);
          codes.add(ended.code);
          harm.push(...(await harmDone(each, before, ended)));
        }
        return {got: harm.length > 0, what: harm.join('; ') || `ended with ${[...codes].join(', ')}`};
      },
      without,
    };
  }

  /** What a process of the same user does to a plan that nobody has read yet. */
  async function beforeReading(
    {user, vault}: Worlds,
    words: readonly string[],
  ): Promise<{did: string; ended: HandEnded}> {
    let did = '';
    const ended = await callByHand(user, planOf(vault, 'echo', 'as-it-was-written'), {
      place: (folder, plan) => {
        const path = writeAs(user, join(folder, 'plan.json'), plan);
        did = spawnSync('setpriv', [...asUser(user), ...words, path], {encoding: 'utf8'}).stdout;
        return path;
      },
    });
    return {did, ended};
  }

  testRows(
    'The plan',
    [
      {
        attack: 'finds the plan in its directory when the session has begun',
        expected: 'refused',
        run: async ({user, vault}) => {
          const {stdout} = await callByHand(user, planOf(vault, 'sh', '-c', `find ${user.runtimeFolder} | grep plan`));
          return {got: stdout !== '', what: stdout || 'no plan'};
        },
        without: 'its removal as it is read: before that',
        control: async (each) => {
          const {did} = await beforeReading(each, ['find']);
          return {got: did.includes('plan.json'), what: did};
        },
      },
      {
        attack: 'reads the plan before the ghost does',
        expected: 'succeeds',
        because: 'it is a file of the user’s: paths, and the user’s own environment, and neither passphrase nor key',
        run: async (each) => {
          const {did} = await beforeReading(each, ['cat']);
          if (did.includes(each.vault.passphrase)) throw new Error('The passphrase stands in the plan.');
          return {got: did.includes('as-it-was-written'), what: 'the plan'};
        },
        without: '',
      },
      {
        attack: 'changes the plan before the ghost reads it',
        expected: 'succeeds',
        because: 'the same user may write plans of his own: none can ask for more than the user may have',
        run: async (each) => {
          const {ended} = await beforeReading(each, ['sed', '-i', 's/as-it-was-written/as-it-was-changed/']);
          return {got: ended.stdout.includes('as-it-was-changed'), what: ended.said};
        },
        without: '',
      },
    ],
    () => worlds!,
  );

  testRows(
    'The way through sudo',
    [
      // As a first line of "#!/usr/bin/env node" does.
      obeyed('PATH', ({evil}) => ({PATH: `${evil}/bin:/usr/bin:/bin`}), ['/usr/bin/env', 'node', '/nonexistent']),
      obeyed('NODE_OPTIONS', ({evil}) => ({NODE_OPTIONS: `--require=${evil}/code.cjs`})),
      obeyed('BASH_ENV and ENV', ({evil}) => ({BASH_ENV: `${evil}/code.sh`, ENV: `${evil}/code.sh`}), [
        '/bin/bash',
        '-c',
        ':',
      ]),
      obeyed(
        'PS4 and SHELLOPTS, and a shell function in the environment',
        ({canary}) => ({
          PS4: `$(/usr/bin/id -u >> ${canary})`,
          SHELLOPTS: 'xtrace',
          'BASH_FUNC_mount%%': `() { /usr/bin/id -u >> ${canary}; }`,
        }),
        ['/bin/bash', '-c', 'mount'],
      ),
      written('LD_DEBUG_OUTPUT, as LD_PRELOAD and LD_AUDIT would have it loaded', (folder) => ({
        LD_DEBUG: 'libs',
        LD_DEBUG_OUTPUT: `${folder}/trace`,
        LD_PRELOAD: '',
      })),
      written('NODE_V8_COVERAGE, NODE_COMPILE_CACHE and NODE_REDIRECT_WARNINGS', (folder) => ({
        NODE_COMPILE_CACHE: `${folder}/cache`,
        NODE_REDIRECT_WARNINGS: `${folder}/warnings`,
        NODE_V8_COVERAGE: `${folder}/coverage`,
      })),
      written(
        'HOME, TMPDIR and XDG_{RUNTIME,CACHE,CONFIG,DATA,STATE}_*',
        (folder) => ({
          HOME: folder,
          TMPDIR: folder,
          XDG_CACHE_HOME: folder,
          XDG_CONFIG_HOME: folder,
          XDG_DATA_HOME: folder,
          XDG_RUNTIME_DIR: folder,
          XDG_STATE_HOME: folder,
        }),
        ['/usr/bin/mktemp'],
      ),
      {
        attack: 'takes itself for another user by SUDO_UID, SUDO_GID and SUDO_USER',
        expected: 'refused',
        run: async ({user}) => {
          const victim = makeUser();
          const image = planVault(victim);
          writeAs(victim, image.image, 'not a vault');
          const env = {SUDO_GID: String(victim.gid), SUDO_UID: String(victim.uid), SUDO_USER: victim.name};
          const ended = await callByHand(user, {...planOf(image, 'true'), home: victim.home}, {env});
          return {got: ended.code !== 77, what: `ended with ${ended.code}`};
        },
        without: 'sudo, which sets them itself: root with these variables',
        control: async ({user}) => {
          // The plan is private to the user, and is read only if root takes itself for that user.
          const path = writeAs(user, join(user.home, 'plan.json'), '{}');
          const {stderr} = asRoot({SUDO_UID: String(user.uid)}, [install().ghost, path]);
          return {got: stderr.includes('malformed'), what: 'its plan is read'};
        },
      },
      {
        attack: 'hands descriptors down through sudo to the session and to root’s programs',
        expected: 'refused',
        run: async (each) => {
          const fd = openSync('/etc/hostname', 'r');
          try {
            const {stdout} = await call(
              each,
              {descriptors: [fd, fd]},
              'sh',
              '-c',
              'for n in /proc/self/fd/*; do readlink "$n"; done',
            );
            return {got: stdout.includes('hostname'), what: 'standard descriptors only'};
          } finally {
            closeSync(fd);
          }
        },
        without: 'sudo’s closefrom: the same without sudo',
        control: async ({user}) => {
          const fd = openSync('/etc/hostname', 'r');
          try {
            const {stdout} = await runAs(user, ['sh', '-c', 'for n in /proc/self/fd/*; do readlink "$n"; done'], {
              descriptors: [fd],
            });
            return {got: stdout.includes('hostname'), what: 'an open file'};
          } finally {
            closeSync(fd);
          }
        },
      },
      {
        attack: 'has a new image, or a file of the session, made for everybody to read by a umask of 0',
        expected: 'refused',
        run: async ({user}) => {
          const vault = planVault(user, join(user.home, 'open'));
          makeMountPoint(vault);
          const create = {sizeBytes: 33_554_432, pbkdf: 'pbkdf2', pbkdfForceIterations: 1000};
          const command = ['sh', '-c', `touch ${user.home}/made-inside`];
          const ended = await callByHand(user, {...planOf(vault, ...command), create}, {through: shell('umask 0')});
          const modes = [vault.image, join(user.home, 'made-inside')].map((path) => statSync(path).mode & 0o077);
          return {got: ended.code !== 0 || modes.some((mode) => mode !== 0), what: 'private files'};
        },
        without: 'the ghost’s own umask: a file made with this one',
        control: async ({user}) => {
          const path = join(user.home, 'made-outside');
          await runAs(user, [...shell('umask 0'), 'touch', path]);
          return {got: (statSync(path).mode & 0o077) !== 0, what: 'a file for everybody'};
        },
      },
      adverse(
        'starts it in a directory with code that Node might load, in a removed one, and in one that it may not enter',
        'No control: neither Node nor the entry looks for anything in the working directory.',
        ({user, evil, canary}) => [
          {cwd: folderOfCode(user, evil)},
          {through: shell('mkdir ~/gone; cd ~/gone; rmdir ~/gone')},
          {through: ['sh', '-c', 'mkdir ~/barred; cd ~/barred; chmod 0 .; exec "$@"', canary]},
        ],
      ),
      adverse(
        'starts it with tiny limits on open files, file size, memory, stack, time and processes',
        'No control: the harm would be a damaged image or something left, and which limit does it depends on the machine.',
        () =>
          ['-n 16', '-n 40', '-f 0', '-f 20000', '-v 300000', '-s 64', '-t 1', '-l 0'].map((limit) => ({
            through: shell(`ulimit ${limit}`),
          })),
      ),
      adverse(
        'starts it with standard descriptors closed, one by one and all',
        'No control: sudo and Node both open /dev/null in their place.',
        () =>
          ['<&-', '>&-', '2>&-', '<&- >&- 2>&-'].map((closed) => ({
            through: ['sh', '-c', `exec "$@" ${closed}`, 'sh'],
          })),
      ),
      adverse(
        'starts it with signals ignored',
        'No control: only leftovers tell the damage of ignored signals from a success.',
        () => [{through: ['perl', '-e', '$SIG{$_} = "IGNORE" for qw(CHLD PIPE HUP TERM XFSZ); exec @ARGV']}],
      ),
    ],
    () => worlds!,
  );
});

function variables(environment: Readonly<Record<string, string>>): string[] {
  return Object.entries(environment).map(([name, value]) => `${name}=${value}`);
}

/** Words that run a piece of shell code and become what stands behind them. */
function shell(code: string): string[] {
  return ['sh', '-c', `${code}; exec "$@"`, 'sh'];
}

function ownFolder(user: BedUser): string {
  const folder = mkdtempSync(join(user.home, 'own-'));
  chownTo(user, folder);
  return folder;
}

function rootsFilesIn(folder: string): Seen {
  const found = readdirSync(folder, {recursive: true, encoding: 'utf8'}).filter(
    (name) => statSync(join(folder, name)).uid === 0,
  );
  rmSync(folder, {recursive: true, force: true});
  return {got: found.length > 0, what: found.length > 0 ? `${found.length} files of root’s` : 'no file of root’s'};
}

/** What the entry becomes, with the environment as it is: the entry itself hands none of it on. */
function ghostWithoutEntry(): readonly string[] {
  const {node, folder} = install();
  return [node, join(folder, 'dist/ghost/main.js'), '/nonexistent'];
}

function folderOfCode(user: BedUser, evil: string): string {
  const folder = join(user.home, 'folder-of-code');
  if (existsSync(folder)) return folder;
  mkdirSync(join(folder, 'node_modules'), {recursive: true});
  const code = readFileSync(join(evil, 'code.cjs'));
  for (const name of [
    'index.js',
    'dist/ghost/main.js',
    'relaunch.js',
    'node_modules/fs.js',
    'node_modules/node:fs.js',
  ]) {
    mkdirSync(join(folder, name, '..'), {recursive: true});
    writeAs(user, join(folder, name), code);
  }
  writeAs(
    user,
    join(folder, 'package.json'),
    '{"type": "commonjs", "main": "./index.js", "imports": {"#x": "./index.js"}}',
  );
  writeAs(user, join(folder, '.env'), `NODE_OPTIONS=--require=${evil}/code.cjs\n`);
  return folder;
}

function fingerprint(image: string): string {
  return createHash('sha256')
    .update(readFileSync(image).subarray(0, 16 << 20))
    .digest('hex');
}

async function harmDone({vault, canary}: Worlds, before: string, ended: HandEnded): Promise<string[]> {
  const {vault: left} = await findLeftovers(vault);
  return [
    ...left,
    ...(fingerprint(vault.image) === before ? [] : ['a changed header']),
    ...(readFileSync(canary, 'utf8') === '' ? [] : ['foreign code was run']),
    ...(ended.said.includes(vault.passphrase) ? ['the passphrase was said'] : []),
  ];
}
