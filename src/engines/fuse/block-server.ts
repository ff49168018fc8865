import type {ChildProcess} from 'node:child_process';
import {once} from 'node:events';
import {closeSync, existsSync} from 'node:fs';
import {dirname} from 'node:path';
import {setTimeout as sleep} from 'node:timers/promises';
import {pollUntil} from '../../foundation/poll.ts';
import {ownIds} from '../../confined/ids.ts';
import {ownNode} from '../../kernel/own-node.ts';
import {programPath, run, start} from '../../kernel/program.ts';
import {ownProgram} from '../../lifecycle/own-files.ts';
import {bareMount} from '../bare-mount.ts';
import type {AttachedDevice, DeviceEnd, LossReason} from '../engine.ts';
import {fuseMountRefused, serverNotStarted} from '../failures.ts';
import {openFuseDevice} from './device.ts';
import {maxTransferBytes} from './sizes.ts';
import type {ServedSegment} from './segment.ts';
import {lossExitCode, lossWord, ready, type ServerOrder} from './server-order.ts';

/** A regular file that its owner may read and write, or only read, as in `st_mode`. */
const fileModes = {writable: 0o100600, readOnly: 0o100400} as const;

/** What the block file shows as its source in the mount table. */
const mountSource = 'tazpod';

/** One waits for the image while the other enciphers; more gain nothing. */
const threads = 2;

/** For the kernel, which releases a file system a moment after it was unmounted. */
const defaultGraceMs = 1000;

/** How long the kernel may take to end a connection that nobody uses. */
const settleMs = 100;

export type ServeOptions = {
  /** The image, open for reading, and for writing if it is not `readOnly`. */
  readonly imageFd: number;
  readonly readOnly: boolean;
  readonly segment: ServedSegment;
  /** 32 or 64 bytes. The caller may wipe it as soon as the promise is there to be waited for. */
  readonly volumeKey: Buffer;
  /** An existing empty regular file, in a directory that no untrusted user can write: it is mounted over. */
  readonly mountFile: string;
};

/**
 * Serves the plaintext of a segment as one regular file, mounted over `mountFile`, from a process of its own. Resolves
 * when the file can be used. Throws a Failure (69) when FUSE is not to be had.
 *
 * Why a process of its own, in a mount namespace of its own: a process that dies takes down the mounts of a namespace
 * that it was the last member of before it closes its descriptors. If it served the file that one of these mounts is
 * written to, it would wait for itself, in a state that no signal ends. So a process that has `/dev/fuse` open must not
 * share a mount namespace with the file system that lies on the block file, nor touch it.
 *
 * Why it is not bound to this process: when this process is killed, the kernel unmounts the file system together with
 * the mount namespace, and what is written then is taken by a server that still lives. It ends when nobody needs it.
 */
export async function serveSegment(options: ServeOptions): Promise<AttachedDevice> {
  const fuseFd = openFuseDevice();
  try {
    const server = startServer(options, fuseFd);
    const file = new BlockFileServer(options, server);
    try {
      // Not at the same time: a server that is not in its own mount namespace yet would take a copy of the mount into
      // it, and so keep alive the connection whose end it waits for.
      await isReady(server);
      await mountBlockFile(options, fuseFd);
      return file;
    } catch (error) {
      await file.detach({graceMs: 0});
      throw error;
    }
  } finally {
    // This process is about to mount on the file, so it must not have the device open.
    closeSync(fuseFd);
  }
}

/**
 * Starts the process, with the key in its standard input.
 *
 * Safe as root: constant program and arguments, numbers of a vetted header. What it needs is open already: the image,
 * the connection and its pipes. It has no network and no capability, and the kernel gives it none back, but for those
 * with which it takes ids of its own before it answers anybody. From then on it owns no file of the machine, and is
 * nobody's whom it could signal or trace, nor who could do that to it. It is not in a PID namespace, because it looks
 * whether the ghost is there.
 */
function startServer(options: ServeOptions, fuseFd: number): ChildProcess {
  const {imageFd, segment, volumeKey} = options;
  const ids = ownIds('server');
  const order: ServerOrder = {
    segment: {...segment, ivTweak: String(segment.ivTweak)},
    attributes: {mode: fileModeOf(options), owner: reader(), blockSizeBytes: segment.sectorSizeBytes},
    keySizeBytes: volumeKey.length,
    ...(ids === undefined ? {} : {ids}),
    threads,
    parentPid: process.pid,
  };
  const entry = ownProgram('engines/fuse/server-process');
  const kept = ids === undefined ? '-all' : '-all,+setuid,+setgid';
  const powerless = [programPath('setpriv'), `--bounding-set=${kept}`, '--inh-caps=-all', '--no-new-privs', '--'];
  const child = start(
    'unshare',
    [
      '--mount',
      '--net',
      '--ipc',
      '--propagation',
      'private',
      '--',
      ...powerless,
      ...ownNode,
      entry,
      JSON.stringify(order),
    ],
    {stdio: ['pipe', 'pipe', 'pipe', imageFd, fuseFd], detached: true},
  );
  const sent = Buffer.from(volumeKey);
  // A server that is gone already says so by its exit.
  child.stdin!.on('error', () => {});
  child.stdin!.end(sent, () => sent.fill(0));
  return child;
}

/**
 * Safe as root: mount(8) gets `/dev/fuse` as a descriptor and mounts over a file that the caller vouches for, by a path
 * that no untrusted user can change. With any image, the kernel sees one regular file of fixed size.
 */
async function mountBlockFile(options: ServeOptions, fuseFd: number): Promise<void> {
  const mountOptions = [
    'fd=3', // where run() puts the first descriptor
    `rootmode=${fileModeOf(options).toString(8)}`,
    `user_id=${process.getuid!()}`,
    `group_id=${process.getgid!()}`,
    `max_read=${maxTransferBytes}`,
    // For root, who mounts what lies on the file, and for the parsers, to whom it belongs. Without ids of their own, all
    // of them are the user of the mount.
    ...(ownIds('parser') === undefined ? [] : ['allow_other']),
    'default_permissions',
    'nosuid,nodev,noexec',
    ...(options.readOnly ? ['ro'] : []),
  ].join(',');
  const args = [...bareMount, '-t', 'fuse', '-o', mountOptions, mountSource, options.mountFile];
  const {code, stderr} = await run('mount', args, {descriptors: [fuseFd]});
  if (code === 0) return;
  throw fuseMountRefused(stderr);
}

function fileModeOf({readOnly}: ServeOptions): number {
  return readOnly ? fileModes.readOnly : fileModes.writable;
}

/** Resolves when the server waits for requests, rejects with a Failure when it ends before. */
async function isReady(server: ChildProcess): Promise<void> {
  let said = '';
  server.stderr!.setEncoding('utf8').on('data', (text: string) => (said = (said + text).slice(-4096)));
  const seen = Promise.race([once(server.stdout!, 'data'), once(server, 'close')]);
  const [first, signal] = (await seen) as [unknown, unknown];
  if (Buffer.isBuffer(first) && first.toString() === ready) return;
  throw serverNotStarted(said, signal, first);
}

class BlockFileServer implements AttachedDevice {
  readonly path: string;
  readonly kind = 'file';
  readonly sizeBytes: number;
  readonly readOnly: boolean;
  readonly ended: Promise<DeviceEnd>;
  readonly lost: Promise<LossReason>;
  readonly #server: ChildProcess;
  #over = false;
  #detached = false;
  #unmounted = false;
  #lossTold = false;

  constructor({mountFile, readOnly, segment}: ServeOptions, server: ChildProcess) {
    this.path = mountFile;
    this.readOnly = readOnly;
    this.sizeBytes = segment.sizeBytes;
    this.#server = server;
    this.lost = lossOf(server);
    void this.lost.then(() => (this.#lossTold = true));
    // Not at its exit: what it has said by then may be unread.
    this.ended = once(server, 'close').then(([code, signal]) => {
      this.#over = true;
      return this.#end(code as number | null, signal as NodeJS.Signals | null);
    });
  }

  /** The server writes through. */
  savePinned(): void {}

  /** It keeps them to its end. */
  async followImage(): Promise<void> {}

  async detach({graceMs = defaultGraceMs}: {readonly graceMs?: number} = {}): Promise<void> {
    this.#detached = true;
    await pollUntil(() => this.#isReleased(), graceMs);
    // Its death closes the connection: a process that still uses the file gets errors, in any namespace.
    if (!this.#over) this.#server.kill('SIGKILL');
    await this.ended;
    if (this.#isMountedHere()) await run('umount', [...bareMount, '--lazy', this.path]);
  }

  /** Unmounts the file here, where it is not in use. Says whether nobody uses it anywhere, so that the server ended. */
  async #isReleased(): Promise<boolean> {
    if (this.#isMountedHere()) {
      const {code} = await run('umount', [...bareMount, this.path]);
      this.#unmounted = code === 0;
    }
    if (!this.#isMountedHere()) await Promise.race([this.ended, sleep(settleMs)]);
    return this.#over;
  }

  /** Its directory may have been taken away with all that is mounted in it. The file is not asked: its server may not answer. */
  #isMountedHere(): boolean {
    return !this.#unmounted && existsSync(dirname(this.path));
  }

  #end(code: number | null, signal: NodeJS.Signals | null): DeviceEnd {
    // A server that is killed because somebody still uses it has said so before.
    if (code === lossExitCode || this.#lossTold) {
      return {how: 'failed', error: new Error('the image did not accept everything that was written')};
    }
    if (code === 0) return {how: this.#detached ? 'detached' : 'released'};
    if (this.#detached && signal === 'SIGKILL') return {how: 'detached'};
    return {how: 'failed', error: new Error(`the process that serves the vault ended: ${signal ?? code}`)};
  }
}

/** Settles when the server says that the image did not take something. */
function lossOf(server: ChildProcess): Promise<LossReason> {
  return new Promise((resolve) => {
    let said = '';
    server.stdout!.on('data', (chunk: Buffer) => {
      said += chunk.toString('latin1');
      const [, code] = new RegExp(`^${lossWord}(\\w+)\\n`, 'm').exec(said) ?? [];
      if (code !== undefined) resolve(lossReasons[code] ?? 'error');
    });
  });
}

const lossReasons: Readonly<Record<string, LossReason>> = {ENOSPC: 'full', EDQUOT: 'full', EFBIG: 'limit'};

/** Whom the block file belongs to, apart from root: the programs that parse what is in it. */
function reader(): {readonly uid: number; readonly gid: number} {
  return ownIds('parser') ?? {uid: process.getuid!(), gid: process.getgid!()};
}
