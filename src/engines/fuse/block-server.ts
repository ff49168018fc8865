import {closeSync} from 'node:fs';
import {extname} from 'node:path';
import {setTimeout as sleep} from 'node:timers/promises';
import {Worker} from 'node:worker_threads';
import {mountsAt, readMounts} from '../../kernel/mountinfo.ts';
import {type ProgramResult, run, type RunOptions} from '../../kernel/program.ts';
import {exitCode} from '../../lifecycle/exit-code.ts';
import {Failure} from '../../lifecycle/failure.ts';
import {bareMount} from '../bare-mount.ts';
import type {DeviceEnd} from '../engine.ts';
import type {BlockWorkerData} from './block-worker.ts';
import {openFuseDevice} from './device.ts';
import {ExitGuard} from './exit-guard.ts';
import {maxTransferBytes} from './protocol.ts';
import {isVolumeKeySize} from './sector-cipher.ts';
import type {ServedSegment} from './segment.ts';
import {serverStage, SharedState} from './shared-state.ts';

/** A regular file that its owner may read and write, as in `st_mode`. */
const fileMode = 0o100600;

/** What the block file shows as its source in the mount table. */
const mountSource = 'tazpod';

const defaultWorkers = 2;

/** How often, and how long each time, a connection that is in use is asked for the requests that end it. */
const lastRequests = {attempts: 10, timeoutMs: 2000};

/** How often the kernel is asked again whether a block file is free. */
const retryMs = 20;

/** How long the kernel may take to end a connection that nobody uses any more. */
const settleMs = 100;

export type ServeOptions = {
  /** The image, open for reading and, unless `readOnly`, for writing. The caller closes it, after `ended`. */
  readonly imageFd: number;
  readonly segment: ServedSegment;
  /** 32 or 64 bytes. The caller may wipe it as soon as the promise is there to be waited for. */
  readonly volumeKey: Buffer;
  /** An existing empty regular file, in a directory that no untrusted user can write: it is mounted over. */
  readonly mountFile: string;
  /** The process in whose mount namespace that is. Default: this one. */
  readonly mountNamespaceOf?: number;
  readonly readOnly?: boolean;
  readonly workers?: number;
  /** Default: `/dev/fuse`. */
  readonly fuseDevice?: string;
};

/**
 * Serves the plaintext of a segment as one regular file, mounted over `mountFile`, from worker threads of this
 * process. Resolves when the file can be used. Throws a Failure (69) when FUSE is not to be had.
 *
 * The serving process must not touch the block file itself, only through other programs: were it killed between its
 * request and its own answer, its threads would wait for each other, and no signal ends that wait.
 */
export async function serveSegment(options: ServeOptions): Promise<BlockServer> {
  if (!isVolumeKeySize(options.volumeKey.length)) throw new RangeError('a volume key has 32 or 64 bytes');
  const fuseFd = openFuseDevice(options.fuseDevice);
  // Nothing was waited for until here: the caller's key is still there, and need not be any longer.
  const server = new BlockServer(options, fuseFd);
  await server.start();
  return server;
}

/** A block file that is served. `serveSegment` makes one. */
export class BlockServer {
  readonly sizeBytes: number;
  /** Settles when nothing is served any more and the server's memory of the key is wiped. Never rejects. */
  readonly ended: Promise<DeviceEnd>;
  readonly #options: ServeOptions;
  readonly #fuseFd: number;
  readonly #key: Buffer;
  readonly #state = new SharedState();
  readonly #workers: readonly Worker[];
  /** Settles when every worker is ready to serve. */
  readonly #ready: Promise<unknown>;
  readonly #exitGuard = new ExitGuard();
  #mounted = false;
  #end: DeviceEnd = {how: 'released'};
  #over = false;

  constructor(options: ServeOptions, fuseFd: number) {
    this.#options = options;
    this.#fuseFd = fuseFd;
    this.sizeBytes = options.segment.sizeBytes;
    this.#key = Buffer.from(new SharedArrayBuffer(options.volumeKey.length));
    options.volumeKey.copy(this.#key);
    this.#exitGuard.arm();
    this.#workers = Array.from({length: options.workers ?? defaultWorkers}, () => this.#startWorker());
    this.#ready = Promise.all(this.#workers.map(readiness));
    this.ended = Promise.all(this.#workers.map(exit)).then(() => this.#finish());
  }

  /** Mounts the block file and waits for the workers. */
  async start(): Promise<void> {
    const [mounted, ready] = await Promise.allSettled([this.#mount(), this.#ready]);
    // Each worker has a KeyObject by now, whose bytes OpenSSL wipes when the thread ends.
    this.#key.fill(0);
    if (mounted.status === 'fulfilled' && ready.status === 'fulfilled') {
      this.#state.stage = serverStage.serving;
      return;
    }
    if (!this.#mounted) this.#state.stage = serverStage.stopping;
    await this.stop();
    throw mounted.status === 'rejected' ? mounted.reason : (ready as PromiseRejectedResult).reason;
  }

  /**
   * Unmounts the block file. Where it is still in use after `graceMs`, ends the connection under its user, who gets
   * I/O errors from then on. Resolves when the server has ended; throws a Failure (75) when the kernel does not let go.
   */
  async stop({graceMs = 0}: {readonly graceMs?: number} = {}): Promise<void> {
    if (this.#mounted && !this.#over) {
      if (this.#end.how !== 'failed') this.#end = {how: 'detached'};
      if (!(await this.#unmountWithin(graceMs))) await this.#abort();
    }
    await this.ended;
  }

  #startWorker(): Worker {
    const {imageFd, segment} = this.#options;
    const workerData: BlockWorkerData = {
      fuseFd: this.#fuseFd,
      imageFd,
      segment,
      attributes: {mode: fileMode, owner: ownUser(), blockSizeBytes: segment.sectorSizeBytes},
      key: this.#key.buffer as SharedArrayBuffer,
      state: this.#state.memory,
    };
    // Compiled or not, it ends as this file does.
    const entry = new URL(`./block-worker${extname(import.meta.url)}`, import.meta.url);
    const worker = new Worker(entry, {workerData, env: {}, execArgv: [], argv: []});
    let error: Error | undefined;
    worker.once('error', (thrown: Error) => (error = thrown));
    worker.once('exit', (code) => {
      if (code === 0) return;
      this.#end = {how: 'failed', error: error ?? new Error('a worker of the block server died')};
      // What it was asked may never be answered: errors are better than users who wait for ever.
      if (this.#mounted) void this.#abort().catch(() => {});
      else this.#state.stage = serverStage.stopping;
    });
    return worker;
  }

  /**
   * Safe as root: mount(8) gets `/dev/fuse` as a descriptor and mounts over a file that the caller vouches for, by a
   * path that no untrusted user can change. Whatever an image holds, the kernel sees one regular file of fixed size.
   */
  async #mount(): Promise<void> {
    const {mountFile, readOnly = false} = this.#options;
    const options = [
      'fd=3', // where run() puts the first descriptor
      `rootmode=${fileMode.toString(8)}`,
      `user_id=${ownUser().uid}`,
      `group_id=${ownUser().gid}`,
      `max_read=${maxTransferBytes}`,
      'default_permissions',
      'nosuid,nodev,noexec',
      readOnly ? 'ro' : 'rw',
    ];
    const result = await this.#runThere('mount', [...bareMount, '-t', 'fuse', '-o', options.join(','), mountSource, mountFile], {
      descriptors: [this.#fuseFd],
    });
    if (result.code !== 0) {
      throw new Failure(exitCode.unavailable, 'The kernel did not let the vault be served through FUSE.', {
        why: 'Mounting a FUSE file system takes root, or a user namespace of one’s own.',
        next: 'tazpod doctor',
        cause: result.stderr.toString(),
      });
    }
    this.#mounted = true;
  }

  /** Runs a program in the mount namespace of the block file. */
  #runThere(name: 'mount' | 'sync' | 'umount', args: readonly string[], options: RunOptions = {}): Promise<ProgramResult> {
    const {mountNamespaceOf: pid} = this.#options;
    if (pid === undefined) return run(name, args, options);
    return run('nsenter', [`--target=${pid}`, '--mount', '--', name, ...args], options);
  }

  /** Whether the connection ended, by an unmount here or because nobody uses the block file any more. */
  async #unmountWithin(graceMs: number): Promise<boolean> {
    const deadline = performance.now() + graceMs;
    for (;;) {
      // By then the path may be anybody's: what the mount table does not know there is not ours.
      if (this.#isMountedHere()) await this.#runThere('umount', [...bareMount, this.#options.mountFile]);
      // A lazy unmount may have come before: then it is the last user who ends the connection, and we wait for it.
      const gone = !this.#isMountedHere();
      await Promise.race([this.ended, sleep(gone ? settleMs : retryMs)]);
      if (this.#over) return true;
      if (performance.now() >= deadline) return false;
    }
  }

  #isMountedHere(): boolean {
    return mountsAt(readMounts(this.#options.mountNamespaceOf ?? 'self'), this.#options.mountFile).some(({source}) => source === mountSource);
  }

  /**
   * Ends the connection although the block file is in use. Aborting it from outside takes root of the whole machine
   * (umount --force, fusectl), which the `private` isolation has not. But a connection also ends when its last
   * descriptor is closed, and for that no worker may wait in the kernel: so each is given one more request to wake up
   * by. sync(1), another program, opens the file and syncs it.
   */
  async #abort(): Promise<void> {
    this.#state.stage = serverStage.stopping;
    for (let attempt = 0; attempt < lastRequests.attempts && !this.#over && this.#isMountedHere(); attempt++) {
      const asked = this.#runThere('sync', ['--data', this.#options.mountFile], {timeoutMs: lastRequests.timeoutMs});
      await Promise.race([asked, this.ended]);
    }
    await this.#runThere('umount', [...bareMount, '--lazy', this.#options.mountFile]);
    if (this.#over) return;
    throw new Failure(exitCode.busy, 'The vault’s block file is still in use.', {
      why: 'It is mounted in a place that this process cannot reach.',
    });
  }

  #finish(): DeviceEnd {
    this.#over = true;
    this.#key.fill(0);
    // The last descriptor of the connection: whoever still waits for an answer gets an error from the kernel.
    closeSync(this.#fuseFd);
    this.#exitGuard.disarm();
    if (this.#end.how === 'failed' || !this.#state.lostSomething) return this.#end;
    return {how: 'failed', error: new Error('the image did not take everything that was written')};
  }
}

/** Whom the block file belongs to; the kernel lets nobody else at it. */
function ownUser(): {readonly uid: number; readonly gid: number} {
  return {uid: process.getuid!(), gid: process.getgid!()};
}

/** Resolves when the worker is ready to serve, rejects when it ends before. */
function readiness(worker: Worker): Promise<void> {
  return new Promise((resolve, reject) => {
    worker.once('message', () => resolve());
    worker.once('error', reject);
    worker.once('exit', () => reject(new Error('a worker of the block server ended before it was ready')));
  });
}

function exit(worker: Worker): Promise<void> {
  return new Promise((resolve) => void worker.once('exit', () => resolve()));
}
