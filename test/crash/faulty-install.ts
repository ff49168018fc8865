import {
  chmodSync,
  cpSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import {join} from 'node:path';
import {allPids, signalProcess, type ProcessIdentity} from '../../src/kernel/process.ts';
import {readCommandLine, readProcessStat} from '../../src/kernel/process-record.ts';
import {install, installOfModules, type Install} from '../bed/install.ts';
import {until} from '../bed/until.ts';

/** A place in the life of a vault, in the words of the lifecycle: `open/attach before`, `open/mount: mount start`. */
export type Point = string;

/** Every point there is. */
export const everywhere: Point = 'every';

/** Somebody who waits at a point until the test lets go. */
export type Held = {readonly point: Point; readonly file: string; readonly stopped: ProcessIdentity | undefined};

/**
 * Programs that are not held. `setpriv` is what binds another one to its caller, so that holding it would show an
 * orphan that there never is; the others belong to no step of the lifecycle.
 */
const neverHeld = new Set([
  ...['setpriv', 'sh', 'sudo', 'cat', 'getent', 'id', 'stty'],
  // They live in an empty root directory, where there is nothing of a test. chroot(8) is held before and after them.
  ...['cryptsetup', 'debugfs', 'e2fsck', 'mke2fs'],
]);

/** Programs that become another one, or stay as long as the session does: they have no end of their own. */
const endless = ['fuse2fs', 'nsenter', 'prlimit', 'script', 'unshare'];

/** Where a lock from outside can be held: the statements of `src/ghost/lock.ts` that change something. */
const lockPoints: readonly {readonly point: string; readonly around: RegExp}[] = [
  {point: 'lock/word', around: /^ *markLocked\(vault\);$/m},
  {point: 'lock/hangUp', around: /^ *for \(const member of .*\n *signalProcess\(member, 'SIGHUP'\);$/m},
  {point: 'lock/end', around: /^ *signalProcess\(vault\.init, 'SIGKILL'\);$/m},
  {point: 'lock/closed', around: /^ *if \(await unlockedWithin\(.*\n *return;$/m},
];

export type FaultyInstallOptions = {
  /** Whether it finds loop devices. */
  readonly loops: boolean;
};

/**
 * A copy of the product that can be held before and after each step, and before and after each system program that it
 * runs. What changes is the copy: one module of it, and the list of directories in which it looks for system programs.
 */
export class FaultyInstall implements Install {
  readonly folder: string;
  readonly ghost: string;
  readonly cli: string;
  readonly node: string;
  readonly path: string;
  readonly #faults: string;

  constructor({loops}: FaultyInstallOptions) {
    ({folder: this.folder, ghost: this.ghost, cli: this.cli, node: this.node, path: this.path} = installOfModules());
    this.#faults = join(this.folder, 'faults');
    this.#replace('path/tazpod', (content) => content.replaceAll(install().folder, this.folder));
    if (!loops) {
      this.#replace('dist/engines/loop-nodes.js', (content) => content.replace('/dev/loop-control', '/dev/no-loops'));
    }
    // sudo takes two names of one file for one command.
    this.#replace('bin/tazpod-ghost', (content) => `${content}\n`);
    this.#layFolder();
    this.#wrapPrograms();
    renameSync(join(this.folder, 'dist/ghost/step-runner.js'), join(this.folder, 'dist/ghost/product-step-runner.js'));
    cpSync(
      new URL('../children/faulty-step-runner.js', import.meta.url),
      join(this.folder, 'dist/ghost/step-runner.js'),
    );
    for (const {point, around} of lockPoints) this.#holdLock(point, around);
    this.#replace('dist/ghost/lock.js', (content) => `import {reach} from './step-runner.js';\n${content}`);
  }

  /** From now on, a process that reaches this point is held there; `everywhere` holds all. */
  hold(point: Point | undefined): void {
    for (const name of ['place', 'reached', 'wanted']) truncateSync(join(this.#faults, name));
    for (const name of readdirSync(join(this.#faults, 'held'))) rmSync(join(this.#faults, 'held', name));
    writeFileSync(join(this.#faults, 'place'), 'start');
    if (point !== undefined) writeFileSync(join(this.#faults, 'wanted'), point);
  }

  /** Who is held now. */
  held(): Held | undefined {
    const name = readdirSync(join(this.#faults, 'held')).find((each) => !each.endsWith('.new'));
    if (name === undefined) return undefined;
    const file = join(this.#faults, 'held', name);
    const [point = '', program] = readFileSync(file, 'utf8').split('\n');
    // A file that is being written.
    if (point === '') return undefined;
    if (program === undefined) return {point, file, stopped: undefined};
    const stopped = stoppedProcess(join(this.#faults, 'programs', program));
    return stopped && {point, file, stopped};
  }

  /** Waits until somebody is held at the point that was asked for, and holds nobody else from then on. */
  async untilHeld(seen: () => string): Promise<Held> {
    const wanted = readFileSync(join(this.#faults, 'wanted'), 'utf8');
    const held = await until(`somebody comes to "${wanted}"`, () => this.held(), {
      seen: () => `${this.reached().join('\n')}\n${seen()}`,
    });
    truncateSync(join(this.#faults, 'wanted'));
    return held;
  }

  /** Lets go. */
  release({file, stopped}: Held): void {
    rmSync(file, {force: true});
    if (stopped !== undefined) signalProcess(stopped, 'SIGCONT');
  }

  /** The points that were passed, in their order. */
  reached(): Point[] {
    return readFileSync(join(this.#faults, 'reached'), 'utf8')
      .split('\n')
      .filter((line) => line !== '');
  }

  /** What the processes of a copy write is written by root, by the user, and in the user's own namespaces. */
  #layFolder(): void {
    mkdirSync(this.#faults);
    mkdirSync(join(this.#faults, 'held'));
    chmodSync(join(this.#faults, 'held'), 0o777);
    for (const name of ['place', 'reached', 'wanted']) {
      writeFileSync(join(this.#faults, name), '');
      chmodSync(join(this.#faults, name), 0o666);
    }
  }

  /** Each program gets a script of its name before it in the list of directories, which stops itself on demand. */
  #wrapPrograms(): void {
    const folder = join(this.#faults, 'programs');
    mkdirSync(folder);
    const list = "'/usr/sbin', '/usr/bin', '/sbin', '/bin'";
    let names: string[] = [];
    this.#replace('dist/kernel/program.js', (content) => {
      names = Array.from(content.matchAll(/^ {4}(\w+): '[\w-]+',$/gm), ([, name = '']) => name);
      return content.replace(`[${list}]`, `['${folder}', ${list}]`);
    });
    if (names.length < 10) throw new Error('The list of programs in src/kernel/program.ts looks different now.');
    for (const name of names.filter((each) => !neverHeld.has(each))) {
      writeFileSync(join(folder, name), programScript(this.#faults, name), {mode: 0o755});
    }
  }

  /** A lock has no steps: it is no part of a ghost's life. The last of its statements returns. */
  #holdLock(point: string, around: RegExp): void {
    this.#replace('dist/ghost/lock.js', (content) =>
      content.replace(around, (statement) => {
        const after = statement.endsWith('return;') ? '' : `\nawait reach('${point}', 'after');`;
        return `await reach('${point}', 'before');\n${statement}${after}`;
      }),
    );
  }

  #replace(path: string, change: (content: string) => string): void {
    const full = join(this.folder, path);
    const content = readFileSync(full, 'utf8');
    const changed = change(content);
    if (changed === content) throw new Error(`${path} looks different now.`);
    // Not in place: the file is a hard link to the original's.
    rmSync(full);
    writeFileSync(full, changed, {mode: 0o755});
  }
}

/** A program that has stopped itself. Its own pid it cannot tell: it may live in a PID namespace. */
function stoppedProcess(script: string): ProcessIdentity | undefined {
  return allPids().flatMap((pid) => {
    const stat = readProcessStat(pid);
    const stopped = stat?.state === 'T' && readCommandLine(pid)?.some((word) => word.toString() === script);
    return stopped === true ? stat : [];
  })[0];
}

function programScript(faults: string, name: string): string {
  const real = `real=/usr/sbin/${name}; [ -x $real ] || real=/usr/bin/${name}; [ -x $real ] || real=/bin/${name}`;
  const hold = `held=${faults}/held/${name}-$$; printf '%s\\n%s' "$point" ${name} > $held.new; mv $held.new $held; kill -STOP $$`;
  const end = `"$real" "$@"; code=$?; ${hold}; exit $code`;
  return `#!/bin/sh
PATH=/usr/sbin:/usr/bin:/sbin:/bin
${real}
read -r place < ${faults}/place
read -r wanted < ${faults}/wanted
point="$place: ${name} start"
echo "$point" >> ${faults}/reached
case $wanted in "$point" | every) ${hold} ;; esac
${endless.includes(name) ? '' : `point="$place: ${name} end"\ncase $wanted in "$point" | every) ${end} ;; esac`}
exec "$real" "$@"
`;
}
