import {spawn, type ChildProcess} from 'node:child_process';
import {once} from 'node:events';
import {mkdirSync, rmSync} from 'node:fs';
import {createInterface} from 'node:readline';
import {readCommandLine} from '../../src/kernel/process-record.ts';
import {childrenOf} from '../../src/kernel/process.ts';
import type {Image} from './fuse/image.ts';
import type {Order} from '../children/vault-process.ts';

/** How the process that serves the vault is isolated: as root, or as root of a user namespace of its own. */
export type Isolation = 'root' | 'user namespace';

type Waiting = {readonly resolve: (result: never) => void; readonly reject: (error: Error) => void};

/** A failure that the process told. */
class ToldFailure extends Error {
  readonly code: number | undefined;
  readonly why: string | undefined;
  readonly next: string | undefined;

  constructor({
    what,
    code,
    why,
    next,
    cause,
    stack,
  }: {
    what: string;
    code?: number;
    why?: string;
    next?: string;
    cause?: string;
    stack?: string;
  }) {
    super(what, cause === undefined ? {} : {cause});
    this.code = code;
    this.why = why;
    this.next = next;
    if (stack !== undefined) this.stack = stack;
  }
}

/** A vault-process.ts that runs, seen from the test. */
export class VaultProcess {
  /** Settles with what the process says of the end of the device that it attached last. */
  deviceEnded!: Promise<{ended: string; error?: string}>;
  readonly isolation: Isolation;
  readonly #process: ChildProcess;
  readonly #exited: Promise<unknown>;
  readonly #waiting = new Map<number, Waiting>();
  #sayDeviceEnded!: (end: {ended: string; error?: string}) => void;
  #nextId = 1;

  constructor(isolation: Isolation = 'root') {
    this.isolation = isolation;
    const user = isolation === 'root' ? [] : ['--user', '--map-root-user'];
    const script = new URL('../children/vault-process.ts', import.meta.url).pathname;
    // Without --fork the process keeps its pid through unshare(1).
    this.#process = spawn('unshare', [...user, '--mount', '--propagation', 'private', process.execPath, script], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    this.#exited = once(this.#process, 'exit').then(() => {
      for (const {reject} of this.#waiting.values()) reject(new Error('the process ended'));
    });
    createInterface({input: this.#process.stdout!}).on('line', (line) => {
      const said = JSON.parse(line) as {id?: number; result?: never; failure?: {what: string}; ended?: string};
      if (said.ended !== undefined) return this.#sayDeviceEnded(said as {ended: string});
      const {resolve: answer, reject} = this.#waiting.get(said.id!)!;
      this.#waiting.delete(said.id!);
      if (said.failure === undefined) answer(said.result!);
      else reject(new ToldFailure(said.failure));
    });
  }

  get pid(): number {
    return this.#process.pid!;
  }

  /** The process that serves the block file. */
  get serverPid(): number {
    return childrenOf(this.pid)
      .map(({pid}) => pid)
      .find((pid) => readCommandLine(pid)?.some((word) => word.includes('server-process')))!;
  }

  /** How this process can reach a path of the other's mount namespace. */
  seen(path: string): string {
    return `/proc/${this.pid}/root${path}`;
  }

  tell<T = unknown>(order: Order): Promise<T> {
    const id = this.#nextId++;
    this.#process.stdin!.write(`${JSON.stringify({id, ...order})}\n`);
    return new Promise((resolve, reject) => this.#waiting.set(id, {resolve, reject}));
  }

  /** Attaches an image, or a copy of it. Returns the path of the block file, as this process can reach it. */
  async attach(image: Image, {imagePath = image.path, encryption = 'aes-xts-plain64'} = {}): Promise<string> {
    const folder = `${image.folder}/staging`;
    mkdirSync(folder, {recursive: true});
    rmSync(`${folder}/block`, {force: true});
    this.deviceEnded = new Promise((resolve) => (this.#sayDeviceEnded = resolve));
    const {ivTweak, ...segment} = image.segment;
    const {path} = await this.tell<{path: string}>({
      do: 'attach',
      image: imagePath,
      segment: {...segment, encryption},
      ivTweak: String(ivTweak),
      key: image.key.toString('hex'),
      folder,
    });
    return this.seen(path);
  }

  /** Runs a command of the shell in the mount namespace of the process. */
  run(command: string): Promise<{code: number | null; stdout: string; stderr: string}> {
    return this.tell({do: 'run', command});
  }

  /** SIGKILL for the process, and for no other. */
  async kill(): Promise<void> {
    this.#process.kill('SIGKILL');
    await this.#exited;
  }
}
