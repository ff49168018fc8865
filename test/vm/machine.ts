import {spawn, type ChildProcess} from 'node:child_process';
import {once} from 'node:events';
import {
  accessSync,
  closeSync,
  constants,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import {connect, type Socket} from 'node:net';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {createInterface} from 'node:readline';
import {setTimeout as sleep} from 'node:timers/promises';
import {isInstalled, NoPackage} from './debian-package.ts';
import {makeInitramfs} from './initramfs.ts';
import {debianKernel} from './kernel.ts';

export type MachineOptions = {
  /** Block devices, which the machine has as `/dev/vda`, `/dev/vdb`, … */
  readonly disks?: readonly Disk[];
  /** Default 1536. What is written to the root of the machine is in its memory too. */
  readonly memoryMiB?: number;
};

export type Disk = {
  /** A file of the size of the disk, or an address in qemu's manner: `nbd:unix:/path`. */
  readonly path: string;
  /**
   * `writeback`, the default: what was not flushed is in the page cache of this machine, where it outlives the virtual
   * one. `unsafe`: flushes are ignored, for disks that nobody needs afterwards.
   */
  readonly cache?: 'writeback' | 'unsafe';
};

export type RunOptions = {
  /** Default 60 s. Then the script is killed, and its code is 137. */
  readonly timeoutMs?: number;
};

export type RunResult = {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
};

/** A script that runs. */
export type Started = {
  readonly ended: Promise<RunResult>;
  /** What it has written so far. */
  stdout(): string;
  /** Waits until its output is as wished, or it has ended. */
  until(wish: (stdout: string) => boolean): Promise<void>;
};

/** Why no virtual machine can be had here, as the reason of a skipped test; undefined when one can. */
export function whyNoMachine(): string | undefined {
  const missing = ['qemu-system-x86_64', 'busybox', 'modprobe', 'cpio'].filter((program) => !isInstalled(program));
  if (missing.length > 0) return `not installed: ${missing.join(', ')}`;
  try {
    debianKernel();
    return undefined;
  } catch (error) {
    if (error instanceof NoPackage) return error.message;
    throw error;
  }
}

/** How long the machine may take to start: much longer than it needs in software emulation. */
const bootTimeoutMs = 300_000;
/** How long an answer may take to arrive after a script has ended or was killed. */
const answerTimeoutMs = 20_000;

type Waiting = {readonly resolve: (code: number) => void; readonly reject: (error: Error) => void};

/**
 * A virtual machine with Debian's kernel, which has device-mapper, on the root file system of this machine: the same
 * programs, the same checkout at the same path, root's powers, and nothing that is written there is written here.
 *
 * What is read through the root may be as old as the machine's start; `exchange` is always what it is.
 */
export class Machine {
  /** A directory that the machine has as `/exchange`, written by both sides. */
  readonly exchange: string;
  readonly #folder: string;
  readonly #qemu: ChildProcess;
  readonly #exited: Promise<unknown>;
  readonly #waiting = new Map<string, Waiting>();
  #agent: Socket | undefined;
  #count = 0;

  private constructor(folder: string, qemu: ChildProcess) {
    this.#folder = folder;
    this.exchange = join(folder, 'exchange');
    this.#qemu = qemu;
    this.#exited = once(qemu, 'exit').then(() => {
      const error = new Error(`The virtual machine has ended.\n${this.console()}`);
      for (const {reject} of this.#waiting.values()) reject(error);
      this.#waiting.clear();
    });
  }

  /** Starts a machine and waits until it takes scripts. */
  static async boot({disks = [], memoryMiB = 1536}: MachineOptions = {}): Promise<Machine> {
    const kernel = debianKernel();
    const folder = mkdtempSync(join(tmpdir(), 'tazpod-vm-'));
    mkdirSync(join(folder, 'exchange'));
    const initramfs = makeInitramfs(kernel, folder);
    const args = [
      ...['-nodefaults', '-no-user-config', '-no-reboot', '-display', 'none', '-machine', 'q35', ...accelerator()],
      ...['-smp', '2', '-m', String(memoryMiB)],
      ...['-kernel', kernel.image, '-initrd', initramfs],
      ...['-append', 'console=ttyS0 no_timer_check panic=-1 mitigations=off random.trust_cpu=on loglevel=5'],
      ...['-serial', `file:${join(folder, 'console')}`],
      ...share('root', '/', 'readonly=on,multidevs=remap'),
      ...share('exchange', join(folder, 'exchange'), 'multidevs=forbid'),
      ...['-device', 'virtio-rng-pci', '-device', 'virtio-serial-pci'],
      ...['-chardev', `socket,id=agent,path=${join(folder, 'agent')},server=on,wait=off`],
      ...['-device', 'virtserialport,chardev=agent,name=tazpod.agent'],
      ...disks.flatMap(driveOf),
    ];
    const log = openSync(join(folder, 'qemu'), 'a');
    // The machine ends with the tests, even when they are killed.
    const qemu = spawn('setpriv', ['--pdeathsig=KILL', '--', 'qemu-system-x86_64', ...args], {
      stdio: ['ignore', log, log],
    });
    closeSync(log);
    const machine = new Machine(folder, qemu);
    try {
      await machine.#connect();
    } catch (error) {
      await machine.kill();
      throw error;
    }
    return machine;
  }

  /**
   * Runs a script with bash, as root, with an environment of its own, in a session of its own and in `/root`. Scripts
   * may run at the same time.
   */
  run(script: string, options: RunOptions = {}): Promise<RunResult> {
    return this.start(script, options).ended;
  }

  /** As `run`, without waiting for the end. */
  start(script: string, {timeoutMs = 60_000}: RunOptions = {}): Started {
    const id = String(++this.#count);
    const file = (ending: string): string => join(this.exchange, `${id}.${ending}`);
    writeFileSync(file('sh'), script);
    const answer = this.#answer(id, timeoutMs + answerTimeoutMs);
    this.#agent!.write(`${id} ${Math.ceil(timeoutMs / 1000)}\n`);
    let result: RunResult | undefined;
    const ended = answer.then((code) => {
      result = {code, stdout: readFileSync(file('out'), 'utf8'), stderr: readFileSync(file('err'), 'utf8')};
      for (const ending of ['sh', 'out', 'err']) rmSync(file(ending));
      return result;
    });
    const stdout = (): string => {
      if (result !== undefined) return result.stdout;
      return existsSync(file('out')) ? readFileSync(file('out'), 'utf8') : '';
    };
    return {
      ended,
      stdout,
      until: async (wish) => {
        while (result === undefined && !wish(stdout())) await Promise.race([ended, sleep(100)]);
      },
    };
  }

  /** As `run`, and throws an error that shows script, output and console when the script fails. Returns its output. */
  async check(script: string, options: RunOptions = {}): Promise<string> {
    const from = this.console().length;
    const {code, stdout, stderr} = await this.run(script, options);
    if (code === 0) return stdout;
    throw new Error(
      `This ended with ${code} in the virtual machine:\n${script}\n${stdout}${stderr}\n${this.console().slice(from)}`,
    );
  }

  /** What kernel and qemu have said since the start. */
  console(): string {
    return ['qemu', 'console'].map((name) => this.#read(name)).join('');
  }

  /** Takes the power away: what is in no disk is gone. Returns when qemu has ended. */
  async kill(): Promise<void> {
    this.#qemu.kill('SIGKILL');
    await this.#exited;
    this.#agent?.destroy();
    rmSync(this.#folder, {recursive: true, force: true});
  }

  async #connect(): Promise<void> {
    const ready = this.#answer('ready', bootTimeoutMs);
    ready.catch(() => {});
    const path = join(this.#folder, 'agent');
    while (!existsSync(path)) {
      if (this.#qemu.exitCode !== null) break;
      await sleep(10);
    }
    this.#agent = connect(path);
    this.#agent.on('error', () => {});
    const lines = createInterface({input: this.#agent});
    // It repeats the socket's errors. The end of the machine says what they mean.
    lines.on('error', () => {});
    lines.on('line', (line) => {
      const [id = '', code] = line.split(' ');
      this.#waiting.get(id)?.resolve(Number(code));
      this.#waiting.delete(id);
    });
    await ready;
  }

  #answer(id: string, timeoutMs: number): Promise<number> {
    return new Promise((resolve, reject) => {
      const late = setTimeout(() => {
        this.#waiting.delete(id);
        reject(new Error(`The virtual machine did not answer within ${timeoutMs} ms.\n${this.console()}`));
      }, timeoutMs);
      const settle =
        <T>(how: (value: T) => void) =>
        (value: T) => {
          clearTimeout(late);
          how(value);
        };
      this.#waiting.set(id, {resolve: settle(resolve), reject: settle(reject)});
    });
  }

  #read(name: string): string {
    const path = join(this.#folder, name);
    return existsSync(path) ? readFileSync(path, 'latin1') : '';
  }
}

/** Makes a file for a disk, without taking the space. */
export function makeDisk(path: string, sizeBytes: number): Disk {
  writeFileSync(path, '');
  truncateSync(path, sizeBytes);
  return {path};
}

/**
 * The processor's virtualisation where there is one. Some virtual machines have a /dev/kvm without it, which lets no
 * kernel boot: the flag tells.
 */
function accelerator(): string[] {
  const flags = /^flags\s*:(.*)$/m.exec(readFileSync('/proc/cpuinfo', 'utf8'))?.[1] ?? '';
  const kvm = /\b(vmx|svm)\b/.test(flags) && mayUse('/dev/kvm');
  // An emulated processor is twice as fast without the wide registers of newer ones, which programs would use.
  return kvm ? ['-accel', 'kvm', '-cpu', 'host'] : ['-accel', 'tcg,thread=multi', '-cpu', 'Westmere'];
}

function share(tag: string, path: string, options: string): string[] {
  return [
    ...['-fsdev', `local,id=${tag},path=${path},security_model=none,${options}`],
    ...['-device', `virtio-9p-pci,fsdev=${tag},mount_tag=${tag}`],
  ];
}

function driveOf({path, cache = 'writeback'}: Disk, index: number): string[] {
  return [
    ...['-drive', `if=none,id=disk${index},file=${path},format=raw,cache=${cache},discard=unmap`],
    ...['-device', `virtio-blk-pci,drive=disk${index}`],
  ];
}

function mayUse(path: string): boolean {
  try {
    accessSync(path, constants.R_OK | constants.W_OK);
    return true;
  } catch {
    return false;
  }
}
