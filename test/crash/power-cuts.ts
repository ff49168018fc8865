import {spawnSync} from 'node:child_process';
import {randomBytes, randomInt} from 'node:crypto';
import {mkdirSync, mkdtempSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {setTimeout as sleep} from 'node:timers/promises';
import {projectNode, root} from '../../scripts/setup.js';
import {engines} from '../../src/engines/choose.ts';
import type {EngineId} from '../../src/lifecycle/plan.ts';
import {quickKdf} from '../bed/vault.ts';
import {Machine, makeDisk} from '../vm/machine.ts';
import {VolatileDisk} from './volatile-disk.ts';

/** One session and its end. */
export type Cut = {
  readonly engine: EngineId;
  /** How many records the session has as safe. */
  readonly acknowledged: number;
  /** Records of the sessions before that it did not find. */
  readonly lost: readonly string[];
  /** Files that the sessions before have left on the disk, beside the image. */
  readonly left: readonly string[];
};

const diskBytes = 256 * 2 ** 20;
/** The power goes this long, at most, after the first record of a session. */
const longestMs = 1500;
const bootAndOpenMs = 240_000;

/** A vault on a disk with a write cache, in a machine whose power goes again and again. */
export class PowerCuts {
  readonly #folder = mkdtempSync(join(tmpdir(), 'tazpod-power-'));
  readonly #disk: VolatileDisk;
  /** Every record that a session has as safe. */
  readonly #acknowledged = new Set<string>();
  #sessions = 0;

  constructor() {
    const content = join(this.#folder, 'content');
    mkdirSync(content);
    const passphraseFile = join(content, 'passphrase');
    writeFileSync(passphraseFile, randomBytes(12).toString('hex'), {mode: 0o600});
    const {path} = makeDisk(join(this.#folder, 'disk'), diskBytes);
    const create = ['vault', 'create', '--image', join(content, 'vault.img'), '--size', '32M', ...quickKdf];
    run(projectNode(), [join(root, 'bin/run.js'), ...create, '--passphrase-file', passphraseFile]);
    run('mke2fs', ['-q', '-t', 'ext4', '-d', content, path]);
    rmSync(content, {recursive: true});
    this.#disk = new VolatileDisk(path, diskBytes, join(this.#folder, 'socket'));
  }

  /** Bytes that were written and never flushed, and that the cuts have taken. */
  get lostBytes(): number {
    return this.#disk.lostBytes;
  }

  get records(): number {
    return this.#acknowledged.size;
  }

  /** Opens the vault, looks for all that was acknowledged before, writes and syncs more, and takes the power away. */
  async cut(engine: EngineId): Promise<Cut> {
    const machine = await Machine.boot({disks: [{path: this.#disk.address}]});
    try {
      const name = `session-${++this.#sessions}`;
      const session = machine.start(guestScript(engine, name), {timeoutMs: bootAndOpenMs});
      const ofThis = () => acknowledgedIn(session.stdout(), name);
      await session.until(() => ofThis().length > 0);
      await sleep(randomInt(longestMs));
      const told = session.stdout();
      const found = new Set(told.slice(0, told.indexOf(begin)).split('\n'));
      const lost = [...this.#acknowledged].filter((record) => !found.has(record));
      const records = ofThis();
      if (records.length === 0) {
        const {code, stderr} = await session.ended;
        throw new Error(`The session ended with ${code}: ${stderr}\n${machine.console()}`);
      }
      for (const record of records) this.#acknowledged.add(record);
      const left = [...found].filter((line) => line.startsWith(leftMark)).map((line) => line.slice(leftMark.length));
      session.ended.catch(() => {});
      return {engine, acknowledged: records.length, lost, left};
    } finally {
      await machine.kill();
      await this.#disk.cutPower();
    }
  }

  /** Cuts so often, with each engine in turn, and then looks a last time. */
  async *cuts(count: number): AsyncGenerator<Cut> {
    for (let index = 0; index <= count; index++) yield await this.cut(engines[index % engines.length]!.id);
  }

  close(): void {
    this.#disk.close();
    rmSync(this.#folder, {recursive: true});
  }
}

const begin = 'begin\n';
const leftMark = 'left: ';

/** Shows what is there, then appends records, syncs each, and tells of each when it is synced. What it writes beside is not. */
function guestScript(engine: EngineId, name: string): string {
  const write = `use IO::Handle; open(my $log, ">>", "/root/secrets/log") or die; for (my $i = 1; ; $i++) {
    open(my $noise, ">>", "/root/secrets/noise"); truncate($noise, 0) if $i % 32 == 0; syswrite($noise, "x" x 65536);
    syswrite($log, "${name} $i\\n"); $log->sync or die; syswrite(STDOUT, "${name} $i\\n") }`;
  return `export HOME=/root; mkdir -p /disk; mount -t ext4 /dev/vda /disk || exit 1
    ls -A /disk | grep -vx 'vault.img\\|passphrase\\|lost+found' | sed 's/^/${leftMark}/'
    exec ${projectNode()} ${root}/bin/run.js vault exec --image /disk/vault.img --passphrase-file /disk/passphrase \\
      --engine ${engine} -- sh -c 'cat ~/secrets/log; echo begin; exec perl -e '\\''${write}'\\'`;
}

/** The last line may be half-written: then it was not told. */
function acknowledgedIn(told: string, name: string): string[] {
  const after = told.indexOf(begin);
  if (after === -1) return [];
  return told
    .slice(after)
    .split('\n')
    .slice(0, -1)
    .filter((line) => line.startsWith(`${name} `));
}

function run(program: string, args: readonly string[]): void {
  const {status, stderr} = spawnSync(program, args, {encoding: 'utf8'});
  if (status !== 0) throw new Error(`${program} ${args.join(' ')}: ${stderr}`);
}
