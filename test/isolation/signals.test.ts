import {type ChildProcess, spawn} from 'node:child_process';
import {existsSync, mkdirSync, readFileSync, renameSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {createInterface, type Interface} from 'node:readline';
import {setTimeout as sleep} from 'node:timers/promises';
import {expect} from 'chai';
import {evaluate, type Listener, watchForDebuggers} from '../bed/debuggers.ts';
import {attendants} from '../bed/attendants.ts';
import {allowSudo, install, type Install, installOfModules} from '../bed/install.ts';
import {expectNothingLeft} from '../bed/leftovers.ts';
import {type OwnVault, ownVault} from '../bed/own-vault.ts';
import {chownTo, writeAs} from '../bed/ownership.ts';
import {asUser, type Background, startAs} from '../bed/run.ts';
import {until} from '../bed/until.ts';
import type {BedUser} from '../bed/user.ts';
import type {TestVault} from '../bed/vault.ts';
import {type Row, testRows} from './matrix.ts';

/** Everything that Linux calls a standard signal (signal(7)). */
const signals = [
  ...['HUP', 'INT', 'QUIT', 'ILL', 'TRAP', 'ABRT', 'BUS', 'FPE', 'KILL', 'USR1', 'SEGV', 'USR2', 'PIPE', 'ALRM'],
  ...['TERM', 'STKFLT', 'CHLD', 'CONT', 'STOP', 'TSTP', 'TTIN', 'TTOU', 'URG', 'XCPU', 'XFSZ', 'VTALRM', 'PROF'],
  ...['WINCH', 'IO', 'PWR', 'SYS'],
];
const stopping = new Set(['STOP', 'TSTP', 'TTIN', 'TTOU']);

/** Milliseconds after the start of the CLI, and the moments in which the session has begun and in which it ends. */
const moments = [10, 60, 120, 200, 300, 400, 550, 900, 'up', 'down'] as const;

/** `npm run test:signals`: each signal at each moment, five times, with both Nodes. It takes an hour or two. */
const whole = process.env['TAZPOD_TEST_SIGNALS'] === 'whole';

/** How many users, each with a vault of their own, play at the same time: a round is mostly waiting. */
const players = whole ? 6 : 1;

type Moment = (typeof moments)[number];
/** The signals are sent one right after the other. */
type Round = {readonly signals: readonly string[]; readonly moment: Moment; readonly node: string};

/** The Nodes that a user may start the CLI with: the project's, and the machine's where there is one. */
function nodes(): string[] {
  return [install().node, ...(whole ? ['/usr/bin/node'].filter((path) => existsSync(path)) : [])];
}

/** The debugger's own signal at every moment, and the other thirty by threes at one of them. */
function rounds(): Round[] {
  const everywhere = (signal: string): Round[] =>
    nodes().flatMap((node) => moments.map((moment) => ({signals: [signal], moment, node})));
  if (whole) return Array.from({length: 5}, () => signals.flatMap(everywhere)).flat();
  const others = signals.filter((signal) => signal !== 'USR1');
  const byThrees = moments.map((moment, index): Round => {
    return {signals: [0, 10, 20].map((row) => others[row + index]!), moment, node: install().node};
  });
  return [...everywhere('USR1'), ...byThrees];
}

describe('Signals that a user sends to sudo and into a sealed session', function () {
  this.timeout(whole ? 0 : 600_000);
  const all: Player[] = [];
  let owner: BedUser;
  let vault: TestVault;
  let signaller: Signaller;

  before(async function () {
    while (all.length < players) {
      const own = await ownVault(this);
      all.push({...own, signaller: new Signaller(own.owner)});
    }
    ({owner, vault, signaller} = all[0]!);
  });

  afterEach(() => expectNothingLeft(vault, {withinMs: 20_000}));
  after(() => all.forEach((player) => player.signaller.leave()));

  const start = (script: string, copy?: Pick<Install, 'node' | 'cli'>) => startSession({owner, vault}, script, copy);

  const rows: readonly Row<undefined>[] = [
    {
      attack:
        'sends each of the 31 signals to sudo and to every process of a session, for a debugger that lets it evaluate code',
      expected: 'refused',
      without: 'the flag that keeps SIGUSR1 from Node: everybody evaluates code as root',
      async run() {
        const hit = new Set<string>();
        const opened: string[] = [];
        const waiting = rounds();
        await Promise.all(
          all.map(async (player) => {
            for (let round = waiting.shift(); round !== undefined; round = waiting.shift()) {
              opened.push(...(await play(player, round, hit)));
            }
          }),
        );
        // The attack reached what it is about.
        expect([...hit]).to.include.members(['sudo', 'sleep']);
        return {got: opened.length > 0, what: opened.join('; ')};
      },
      async control() {
        const careless = carelessInstall();
        allowSudo(owner, {copy: careless});
        const watch = watchForDebuggers(owner.uid);
        const running = start('echo up; sleep 60', careless);
        await running.seen(/^up$/m, 60_000);
        await signaller.send('USR1', {pattern: '^\\S*sudo '});
        const [listener] = await until('root listens', () => watch.seen.find(({uid}) => uid === 0) && watch.seen);
        const uid = await evaluate(listener!.port, 'process.getuid()');
        await watch.stop();
        running.child.kill('SIGTERM');
        await running.ended;
        return {got: uid === 0, what: `evaluates code as the user with the id ${String(uid)}`};
      },
    },
    {
      attack: 'sends SIGUSR1 to the processes that make bridges and start the program of a session',
      expected: 'refused',
      without: 'the same flag there',
      async run() {
        bridge('.notes');
        const watch = watchForDebuggers(owner.uid);
        const names = await storm(start('exit 0'));
        const opened = (await watch.stop()).map(describeListener('SIGUSR1'));
        expect([...names]).to.include.members(['launch', 'bridge-worker']);
        return {got: opened.length > 0, what: opened.join('; ')};
      },
      async control() {
        const careless = carelessInstall();
        allowSudo(owner, {copy: careless});
        const watch = watchForDebuggers(owner.uid);
        // They live for some hundredths of a second.
        for (let round = 0; round < 10 && !watch.seen.some(({uid}) => uid === owner.uid); round++) {
          await storm(start('exit 0', careless));
        }
        const seen = await watch.stop();
        return {got: seen.some(({uid}) => uid === owner.uid), what: seen.map(describeListener('SIGUSR1')).join('; ')};
      },
    },
  ];
  testRows('Signals', rows, () => undefined);

  function bridge(name: string): void {
    for (const folder of ['.config', '.config/tazpod']) {
      mkdirSync(join(owner.home, folder), {recursive: true});
      chownTo(owner, join(owner.home, folder));
    }
    writeAs(owner, join(owner.home, '.config/tazpod/config.yaml'), `bridges: [{home: ${name}, vault: ${name}}]\n`);
  }

  /** SIGUSR1 again and again to each Node of the tree that is the user's, until the CLI has ended. */
  async function storm(running: Background): Promise<Set<string>> {
    const names = new Set<string>();
    while (running.child.exitCode === null && running.child.signalCode === null) {
      const sent = await signaller.send('USR1', {
        pattern: '^\\S*node .*/(launch|bridge-worker)\\.js',
        milliseconds: 100,
      });
      for (const name of sent.names) names.add(name);
    }
    await running.ended;
    await expectNothingLeft(vault, {withinMs: 20_000});
    return names;
  }
});

/** A user with a vault, who sends signals to what is theirs. */
type Player = OwnVault & {readonly signaller: Signaller};

function startSession(
  {owner, vault}: OwnVault,
  script: string,
  {node, cli}: Pick<Install, 'node' | 'cli'> = install(),
): Background {
  return startAs(owner, [node, cli, 'exec', ...vault.flags, '--', 'sh', '-c', script]);
}

/** A session that is signalled; returns which debuggers listened meanwhile, and adds to `hit` whom the signals reached. */
async function play(player: Player, {signals: sent, moment, node}: Round, hit: Set<string>): Promise<string[]> {
  const watch = watchForDebuggers(player.owner.uid);
  const running = startSession(player, 'echo up; sleep 1.5; echo down', {node, cli: install().cli});
  if (typeof moment === 'number') await sleep(moment);
  else await running.seen(new RegExp(`^${moment}$`, 'm'));
  for (const signal of sent) for (const name of (await player.signaller.send(signal)).names) hit.add(name);
  if (sent.some((signal) => stopping.has(signal))) {
    await sleep(50);
    await player.signaller.send('CONT');
  }
  await running.ended;
  await expectNothingLeft(player.vault, {withinMs: 20_000});
  return (await watch.stop()).map(describeListener(`${sent.join(', ')} at ${moment}`));
}

const describeListener = (when: string) => (listener: Listener) => `${when}: port ${listener.port} of ${listener.uid}`;

/** A copy of the product whose Nodes open their debugger, as they do by default. */
function carelessInstall(): Install {
  const careless = installOfModules();
  const {folder} = careless;
  const changes: readonly [string, RegExp, string][] = [
    ['bin/tazpod-ghost', / --disable-sigusr1/g, ''],
    ['dist/kernel/own-node.js', /, '--disable-sigusr1'/, ''],
    ['dist/ghost/session/debuggers.js', /192\.0\.2\.1:9229/, '127.0.0.1:0'],
  ];
  for (const [path, safe, unsafe] of changes) {
    const file = join(folder, path);
    const text = readFileSync(file, 'utf8');
    expect(text, path).to.match(safe);
    // Another file, since this one is shared with the copy of the other tests.
    writeFileSync(`${file}.new`, text.replace(safe, unsafe), {mode: 0o755});
    renameSync(`${file}.new`, file);
  }
  return careless;
}

/** A process of the user's that sends signals: see `signaller.pl`. */
class Signaller {
  readonly #process: ChildProcess;
  readonly #lines: Interface;

  constructor(user: BedUser) {
    const path = writeAs(
      user,
      join(user.home, 'signaller.pl'),
      readFileSync(new URL('../children/signaller.pl', import.meta.url)),
    );
    this.#process = spawn('setpriv', [...asUser(user), 'perl', path], {cwd: '/', stdio: ['pipe', 'pipe', 'inherit']});
    attendants.add(this.#process.pid!);
    this.#lines = createInterface({input: this.#process.stdout!});
  }

  async send(
    signal: string,
    {pattern = '.', milliseconds = 0}: {readonly pattern?: string; readonly milliseconds?: number} = {},
  ): Promise<{readonly names: string[]}> {
    const answer = new Promise<string>((resolve) => this.#lines.once('line', resolve));
    this.#process.stdin!.write(`${signal}\t${pattern}\t${milliseconds}\n`);
    const [, ...names] = (await answer).split(' ');
    return {names};
  }

  leave(): void {
    this.#process.stdin!.end();
  }
}
