import {setTimeout as sleep} from 'node:timers/promises';
import {existsSync, mkdirSync, rmSync} from 'node:fs';
import {join} from 'node:path';
import {type Mount, readMounts} from '../../src/kernel/mountinfo.ts';
import {readProcessStat, readProcessStatus} from '../../src/kernel/process-record.ts';
import {type ProcessIdentity, signalProcess} from '../../src/kernel/process.ts';
import {allowSudo} from '../bed/install.ts';
import {fuseForAll} from '../bed/fuse-for-all.ts';
import {expectNothingLeft, findLeftovers} from '../bed/leftovers.ts';
import {kill, processTree, type TreeProcess} from '../bed/process-tree.ts';
import {type Background, startTazpod, tazpod} from '../bed/run.ts';
import {until} from '../bed/until.ts';
import {openTerminal, type TestTerminal} from '../bed/terminal.ts';
import {chownTo, writeAs} from '../bed/ownership.ts';
import {type BedUser, makeUser} from '../bed/user.ts';
import {makeVault, planVault, type TestVault} from '../bed/vault.ts';
import {everywhere, FaultyInstall, type Held, type Point} from './faulty-install.ts';
import {findDamage} from './plaintext.ts';
import type {Scenario} from './scenarios.ts';
import {Writer} from './writer.ts';

/** The point at which the session writes; no step of the lifecycle goes on then. */
export const inSession: Point = 'the session';

/** A point that a scenario comes to, and who is there then. */
export type Station = {readonly point: Point; readonly names: readonly string[]};

/** One death: when, whose, and how. */
export type Death = {
  readonly point: Point;
  readonly victim: string;
  readonly signal: NodeJS.Signals;
  /** Who is stopped is not dead: what is done then, so that the vault closes. */
  readonly then?: 'lock' | 'close the window';
  /** A point before it at which somebody is slow, so that others overtake. */
  readonly slowAt?: Point;
};

/** Everybody at once, but for the guard of the terminal, which is root's and hurts nobody. */
export const everybody = 'everybody';

/** What came of a case: sentences about what was left behind, and about what was lost. */
export type Verdict = {readonly leaks: readonly string[]; readonly losses: readonly string[]};

/** A life in which somebody is to be stopped. */
type StoppedLife = {
  readonly victims: readonly TreeProcess[];
  readonly held: Held | undefined;
  readonly tree: readonly TreeProcess[];
  readonly devices: ReadonlySet<string>;
};

/** What the name of a system program that is held begins with. */
export const heldProgram = 'the program ';

/** Those whose end need not be the vault's: another takes the place of the guard, and not every program matters. */
const mayBeOutlived = (victim: string) => victim === "the terminal's guard" || victim.startsWith(heldProgram);

/** The directory of a plan that no ghost has read: nobody is left to remove it, and the next call does. */
const awaitsNextCall = (leftover: string) => /^temporary file .*\/tazpod-[\w.]+-\w{6}$/.test(leftover);

/** How long the vault may need to be gone. */
const goneWithinMs = 2000;
/** The same after a hangup, which leaves a session half a second, and sudo two. */
const hangUpMs = 10_000;
/** How long a program that was held goes on after the kill, as a slow one would. */
const slownessMs = 300;

/** The major number of loop devices. */
const loopMajor = 7;

const surveyMs = 15_000;

/** A user with a vault, a terminal and a copy of the product of its own, for one scenario. */
export class Bench {
  readonly #scenario: Scenario;
  readonly #install: FaultyInstall;
  readonly #vault: TestVault;
  readonly #writer: Writer;
  readonly #openTerminal: () => Promise<TestTerminal>;
  #terminal: TestTerminal;
  #count = 0;
  readonly #bridged: string[] = [];
  /** The session that is joined or locked. */
  #companion: Background | undefined;

  private constructor(
    scenario: Scenario,
    install: FaultyInstall,
    vault: TestVault,
    terminal: TestTerminal,
    anotherTerminal: () => Promise<TestTerminal>,
  ) {
    this.#scenario = scenario;
    this.#install = install;
    this.#vault = vault;
    this.#terminal = terminal;
    this.#openTerminal = anotherTerminal;
    this.#writer = new Writer(vault.owner);
  }

  static async make(scenario: Scenario): Promise<Bench> {
    const copy = new FaultyInstall(scenario.install);
    const owner = makeUser();
    allowSudo(owner);
    const vault = scenario.vault === 'made' ? planVault(owner) : await makeVault(owner);
    allowSudo(owner, {copy});
    if (scenario.bridge !== undefined) configureBridge(owner, scenario.bridge);
    const within = scenario.isolation === 'private' ? fuseForAll : [];
    const terminal = () => openTerminal(owner, {env: environment(copy), within});
    return new Bench(scenario, copy, vault, await terminal(), terminal);
  }

  /** Lives the scenario from begin to end, unharmed, and returns the points of its steps in their order. */
  async rehearse(): Promise<Point[]> {
    await this.#begin(undefined);
    if (this.#scenario.session) {
      await this.#untilBusy();
      this.#writer.finish();
    }
    await until(
      'the scenario has come to its end',
      () => this.#install.reached().length > 0 && this.#tree().length === 0,
      {
        seen: () => [...this.#install.reached(), ...this.#tree().map(nameOf), this.#terminal.screen(true)].join('\n'),
      },
    );
    await expectNothingLeft(this.#vault, {terminal: this.#terminal.path});
    if (!existsSync(this.#vault.image)) throw new Error(`There is no image.\n${this.#terminal.screen(true)}`);
    const points = this.#install.reached().filter((point) => / (before|after)$/.test(point));
    const closing = points.findIndex((point) => point.startsWith('close/'));
    return this.#scenario.session ? points.toSpliced(closing, 0, inSession) : points;
  }

  /** Lives the scenario once from begin to end and notes each point, with the processes that are there. */
  async survey(): Promise<Station[]> {
    const stations: Station[] = [];
    await this.#begin(everywhere);
    let busy = false;
    for (const deadline = Date.now() + surveyMs; ;) {
      if (Date.now() > deadline) {
        const there = this.#tree().map(({command}) => command);
        const points = stations.map(({point}) => point);
        throw new Error(['The survey came to no end.', ...points, ...there, this.#terminal.screen(true)].join('\n'));
      }
      const held = this.#install.held();
      if (held !== undefined) {
        stations.push({point: held.point, names: this.#tree().map(nameOf)});
        this.#install.release(held);
        this.#wakeSudo();
      } else if (!busy && this.#hasSession()) {
        await this.#untilBusy();
        busy = true;
        stations.push({point: inSession, names: this.#tree().map(nameOf)});
        this.#writer.finish();
      } else if (stations.length > 0 && this.#tree().length === 0) {
        break;
      }
      await sleep(5);
    }
    await expectNothingLeft(this.#vault, {terminal: this.#terminal.path});
    return stations.filter(({point}, index) => stations.findIndex((other) => other.point === point) === index);
  }

  /** Lives the scenario up to a death, and looks at what is left. */
  async run(death: Death): Promise<Verdict> {
    const ends = this.#scenario.session && (death.point === inSession || death.point.startsWith('close/'));
    await this.#begin(death.slowAt ?? (death.point === inSession ? undefined : death.point));
    if (death.slowAt !== undefined) {
      const slow = await this.#install.untilHeld(() => this.#terminal.screen(true));
      await sleep(slownessMs);
      this.#install.release(slow);
      this.#wakeSudo();
    }
    if (ends) await this.#untilBusy();
    if (ends && death.point !== inSession) this.#writer.finish();
    const held =
      death.point === inSession ? undefined : await this.#install.untilHeld(() => this.#terminal.screen(true));
    const tree = this.#tree();
    const devices = devicesOf([...tree, ...(this.#companion === undefined ? [] : processTree(this.#companion.pid))]);
    const victims =
      death.victim === everybody
        ? tree.filter((process) => death.then !== undefined || nameOf(process) !== "the terminal's guard")
        : tree.filter((process) => nameOf(process) === death.victim);
    if (victims.length === 0) throw new Error(`${death.victim} is not there.\n${tree.map(nameOf).join('\n')}`);
    if (death.then !== undefined) return this.#closeStopped(death.then, {victims, held, tree, devices});

    // What has been stopped cannot see the others die.
    if (victims.length > 1) for (const victim of victims) kill(victim, 'SIGSTOP');
    for (const victim of victims) kill(victim, death.signal);
    if (victims.length > 1) for (const victim of victims) kill(victim, 'SIGCONT');
    const letGo = held === undefined ? undefined : this.#letGo(held);
    const leaks = await this.#leaks(tree, devices, mayBeOutlived(death.victim));
    await letGo;
    if (leaks.length > 0) return {leaks, losses: []};
    const losses = await this.#losses();
    return {leaks: await this.#leftovers([], devices), losses};
  }

  /** Stops the victims, has the vault closed by somebody else, and looks at what is left. */
  async #closeStopped(how: NonNullable<Death['then']>, {victims, held, tree, devices}: StoppedLife): Promise<Verdict> {
    for (const victim of victims) kill(victim, 'SIGSTOP');
    const {owner} = this.#vault;
    // A user cannot stop root's processes: the next call is there for those who can.
    const byUser = victims.every(({pid}) => readProcessStatus(pid)?.uid.real === owner.uid);
    if (how === 'close the window') this.#terminal.close();
    const lock = how === 'lock' || !byUser ? tazpod(owner, ['lock', ...this.#vault.flags.slice(0, 2)]) : undefined;
    if (held !== undefined) await this.#letGo(held);
    const locked = await lock;
    if (locked !== undefined && locked.code !== 0) {
      return {leaks: [`the lock ended with ${locked.code}: ${locked.stderr}`], losses: []};
    }
    // What does not hold anything of the vault may stay stopped, the CLI whose sudo has stopped with the ghost among it:
    // that is job control, and the shell would bring it back.
    if (how === 'lock') for (const each of tree) kill(each, 'SIGCONT');
    if (how === 'close the window') this.#terminal = await this.#openTerminal();
    const leaks = await this.#leaks(tree, devices, false, hangUpMs);
    return leaks.length > 0 ? {leaks, losses: []} : {leaks, losses: await this.#losses()};
  }

  /** What is left of this vault: of the devices without a user, those that its processes had. */
  async #leftovers(tree: readonly ProcessIdentity[], devices: ReadonlySet<string>): Promise<string[]> {
    const {vault, devices: unused} = await findLeftovers(this.#vault, {processes: tree, terminal: this.#terminal.path});
    const own = unused.filter(({device}) => devices.has(device)).map(({sentence}) => sentence);
    return [...vault, ...own];
  }

  close(): void {
    this.#terminal.close();
  }

  async #begin(point: Point | undefined): Promise<void> {
    if (this.#scenario.vault === 'made') rmSync(this.#vault.image, {force: true});
    this.#writer.begin(`life-${++this.#count}`);
    this.#layBeforeBridge();
    if (this.#scenario.vault === 'open') {
      this.#companion = startTazpod(this.#vault.owner, ['exec', ...this.#vault.flags, '--', this.#writer.path]);
      await this.#writer.untilMore(() => this.#companion!.stderr());
    }
    this.#install.hold(point);
    this.#terminal.enter(this.#scenario.command(this.#vault, this.#writer.path));
  }

  /** What is to be moved into the vault by the bridge: it must be somewhere afterwards, outside or inside. */
  #layBeforeBridge(): void {
    const {bridge} = this.#scenario;
    if (bridge === undefined) return;
    const {owner} = this.#vault;
    const [folder, record] = [join(owner.home, bridge), `bridged in life ${this.#count}`];
    mkdirSync(folder, {recursive: true});
    chownTo(owner, folder);
    writeAs(owner, join(folder, `life-${this.#count}`), `${record}\n`);
    this.#bridged.push(record);
  }

  /** Shell code that writes out all that was ever laid before the bridge, wherever it is. */
  #readBridged(): string {
    const {bridge} = this.#scenario;
    return bridge === undefined ? ':' : `grep -rhs "^bridged" ${this.#vault.mountPoint} ~/${bridge}`;
  }

  /** Waits until the session of the terminal writes. */
  async #untilBusy(): Promise<void> {
    const seen = () => this.#terminal.screen(true);
    await until('the session has begun', () => this.#hasSession(), {seen});
    await this.#writer.untilMore(seen);
  }

  /** Everything between the terminal's shell and the session, parents before children. */
  #tree(): TreeProcess[] {
    return processTree(this.#terminal.shellPid).slice(1);
  }

  /** Whether the program of the session runs; the shell of the terminal is a bash too, and forks before each command. */
  #hasSession(): boolean {
    return this.#tree().some((process) => nameOf(process) === 'bash' && process.command.includes(this.#writer.path));
  }

  /** sudo stops itself when the program that it waits for is stopped, and waits for its shell to go on. */
  #wakeSudo(): void {
    for (const process of this.#tree().filter(({role}) => role === 'sudo')) {
      if (readProcessStat(process.pid)?.state === 'T') signalProcess(process, 'SIGCONT');
    }
  }

  async #letGo(held: Held): Promise<void> {
    if (held.stopped !== undefined) await sleep(slownessMs);
    this.#install.release(held);
  }

  /** Waits until nothing is left, and says what is when the time is over. */
  async #leaks(
    tree: readonly ProcessIdentity[],
    devices: ReadonlySet<string>,
    mayLive: boolean,
    withinMs = goneWithinMs,
  ): Promise<string[]> {
    if (this.#companion !== undefined && this.#scenario.session) {
      // A process that joins it and dies does not end it.
      await this.#writer.untilMore(() => this.#companion!.stderr());
      this.#writer.finish();
    } else if (this.#companion !== undefined) {
      // A lock that died may have ended it or not; the next one does.
      const {code, stderr} = await tazpod(this.#vault.owner, ['lock', ...this.#vault.flags.slice(0, 2)]);
      if (code !== 0) return [`the next lock ended with ${code}: ${stderr}`];
    }
    await this.#companion?.ended;
    if (mayLive) {
      // It goes on without the victim, as it may, to an end as ever.
      this.#writer.finish();
      await until('the session ends by itself', () => {
        this.#wakeSudo();
        return this.#tree().length === 0;
      });
    }
    for (const deadline = Date.now() + withinMs; ; await sleep(20)) {
      this.#wakeSudo();
      const found = await this.#leftovers(tree, devices);
      const late = found.filter((leftover) => !awaitsNextCall(leftover));
      if (found.length === 0 || Date.now() > deadline) return late;
    }
  }

  async #losses(): Promise<string[]> {
    const losses: string[] = [];
    if (!existsSync(this.#vault.image)) return this.#scenario.vault === 'made' ? [] : ['the image'];
    const damage = findDamage(this.#vault, {mend: this.#scenario.driver === 'fuse2fs'});
    if (damage !== undefined) losses.push(damage);
    this.#install.hold(undefined);
    const {code, stdout, stderr} = await tazpod(
      this.#vault.owner,
      // There is no log yet where no session has begun.
      [
        'exec',
        ...this.#vault.flags,
        '--',
        'sh',
        '-c',
        `${this.#readBridged()}; cat ${this.#vault.mountPoint}/log 2>&-; true`,
      ],
      {env: environment(this.#install)},
    );
    const acknowledged = [...this.#writer.acknowledged(), ...this.#bridged];
    if (code !== 0) losses.push(`the next open ended with ${code}: ${stderr}`);
    const there = new Set(stdout.split('\n'));
    losses.push(...acknowledged.filter((record) => !there.has(record)).map((record) => `the record "${record}"`));
    return losses;
  }
}

function configureBridge(owner: BedUser, bridge: string): void {
  const folder = join(owner.home, '.config/tazpod');
  for (const path of [join(owner.home, '.config'), folder]) {
    mkdirSync(path, {mode: 0o700});
    chownTo(owner, path);
  }
  writeAs(owner, join(folder, 'config.yaml'), `bridges:\n  - home: ${bridge}\n    vault: bridged\n`);
}

function environment(copy: FaultyInstall): Record<string, string> {
  return {PATH: `${copy.path}:/usr/local/bin:/usr/bin:/bin`};
}

/** FUSE connections (`42`) and loop devices (`loop1`) that only these processes have mounted. */
function devicesOf(tree: readonly ProcessIdentity[]): Set<string> {
  const device = ({major, minor}: Mount): string | undefined =>
    major === loopMajor ? `loop${minor}` : major === 0 ? String(minor) : undefined;
  const others = new Set(readMounts('self').map(device));
  const mounts = tree.flatMap(({pid}) => {
    try {
      return readMounts(pid);
    } catch {
      // It has ended meanwhile.
      return [];
    }
  });
  return new Set(mounts.flatMap((mount) => device(mount) ?? []).filter((each) => !others.has(each)));
}

/** What a process is there for, as far as a case can choose it. */
function nameOf({role, command}: TreeProcess): string {
  const [, held] = /^\/bin\/sh \S+\/faults\/programs\/(\w+)/.exec(command) ?? [];
  if (held !== undefined) return `${heldProgram}${held}`;
  if (role !== undefined) return role;
  const [, script] = /\/node (?:--\S+ )*\S*?([^/\s]+\.js)\b/.exec(command) ?? [];
  if (script !== undefined) return script === 'main.js' ? 'the ghost' : script;
  const [program = ''] = command.split(' ');
  return program.slice(program.lastIndexOf('/') + 1);
}
