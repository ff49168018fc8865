import type {ChildProcess} from 'node:child_process';
import {closeSync, constants, fchownSync, fstatSync, openSync, statSync} from 'node:fs';
import {setTimeout as sleep} from 'node:timers/promises';
import {kernelRoots, readKernelText} from '../kernel/kernel-file.ts';
import {programPath, startBound} from '../kernel/program.ts';

/*
 * fuse2fs keeps the last blocks that were written in its own memory. Up to version 1.47 at least, it writes them to the
 * image only if a program syncs a descriptor that is open for writing. The kernel does not tell a FUSE server of
 * sync(2) and syncfs(2), and fuse2fs ignores the sync of a directory or of a descriptor that is open for reading.
 * But one sync of any descriptor that is open for writing writes everything. So the ghost keeps such a descriptor, and
 * syncs it whenever fuse2fs has worked since the last time.
 */

/**
 * How often the flusher looks whether fuse2fs has worked. What a program wrote is on the image after this time and that
 * of one flush; docs/SECURITY.md promises a second.
 */
const pollMs = 500;

/** An empty file in the vault, which the flusher keeps open for writing and never writes. */
export const flushFileName = '.tazpod-sync';

/**
 * Shell code: syncs descriptor 3 for each line that it reads, and answers with dd's exit code. Without a file name, dd
 * syncs its own standard output, which is that descriptor: no path of the vault is opened again.
 */
const flushOnDemand =
  'echo ready; while read -r _; do dd if=/dev/null conv=notrunc,fsync status=none 2>/dev/null >&3; echo "$?"; done';

/** The same, for a file that this shell opens. A FIFO or a link of this name would be a trap in a vault from elsewhere. */
const openAndFlushOnDemand =
  `[ ! -L "$1" ] && { [ ! -e "$1" ] || [ -f "$1" ]; } || exit 1; umask 077; exec 3>>"$1" 4<&-; ` + flushOnDemand;

/** How many system calls of reading fuse2fs makes for a flush: that which takes the request from the kernel. */
const readsOfOneFlush = 1;

export class Fuse2fsFlusher {
  /** Settles if a flush was `refused`, so that what was written is not all on the image, or if the flusher `ended`. */
  readonly failed: Promise<'refused' | 'ended'>;
  readonly #shell: ChildProcess;
  readonly #fuse2fsPid: number | undefined;
  readonly #answers: string[] = [];
  #onAnswer: () => void = () => {};
  #fail!: (how: 'refused' | 'ended') => void;
  #over = false;
  #stopped = false;
  #flushing: Promise<boolean> = Promise.resolve(true);

  private constructor(shell: ChildProcess, fuse2fsPid: number | undefined) {
    this.#shell = shell;
    this.#fuse2fsPid = fuse2fsPid;
    this.failed = new Promise((resolve) => (this.#fail = resolve));
    let unread = '';
    shell.stdout!.setEncoding('latin1').on('data', (text: string) => {
      const lines = (unread + text).split('\n');
      unread = lines.pop()!;
      this.#answers.push(...lines);
      this.#onAnswer();
    });
    shell.stdin!.on('error', () => {});
    const end = (): void => {
      this.#over = true;
      if (!this.#stopped) this.#fail('ended');
      this.#onAnswer();
    };
    shell.once('error', end).once('close', end);
  }

  /**
   * For a file system that is mounted on `folder` in this mount namespace, where only this process can reach it yet.
   * Undefined where the flush file cannot be had: the vault is full, or something else has its name.
   *
   * Safe as root: the file is opened below a directory that no user can reach, and through no link; only a regular file
   * is kept, and nothing is ever written to it. It gets the owner of the vault, so that the user may copy and remove it.
   */
  static async start(folder: string, fuse2fsPid: number | undefined): Promise<Fuse2fsFlusher | undefined> {
    const fd = openFlushFile(folder);
    if (fd === undefined) return undefined;
    const shell = startBound('sh', ['-c', flushOnDemand], {stdio: ['pipe', 'pipe', 'ignore', fd]});
    closeSync(fd);
    return new Fuse2fsFlusher(shell, fuse2fsPid).#begin();
  }

  /** For one that is mounted in namespaces of its own: there the file is opened, with the rights of the user alone. */
  static async startPrivately(
    folder: string,
    fuse2fsPid: number | undefined,
    {userFd, mountFd}: {readonly userFd: number; readonly mountFd: number},
  ): Promise<Fuse2fsFlusher | undefined> {
    const namespaces = ['--user=/proc/self/fd/3', '--mount=/proc/self/fd/4', '--preserve-credentials'];
    const command = [programPath('sh'), '-c', openAndFlushOnDemand, 'sh', `${folder}/${flushFileName}`];
    const shell = startBound('nsenter', [...namespaces, '--', ...command], {
      stdio: ['pipe', 'pipe', 'ignore', userFd, mountFd],
    });
    return new Fuse2fsFlusher(shell, fuse2fsPid).#begin();
  }

  /**
   * Flushes a last time, and closes the file, so that the file system can be unmounted. Says whether everything that
   * was written before is on the image.
   */
  async stop(graceMs: number): Promise<boolean> {
    this.#stopped = true;
    const last = this.#flushing.then(() => this.#flush());
    const whole = await Promise.race([last, sleep(graceMs, false, {ref: false})]);
    this.#shell.kill('SIGKILL');
    await this.#until(() => this.#over);
    return whole;
  }

  async #begin(): Promise<Fuse2fsFlusher | undefined> {
    await this.#until(() => this.#over || this.#answers.length > 0);
    if (this.#answers.shift() !== 'ready') return undefined;
    void this.#keepFlushing();
    return this;
  }

  async #keepFlushing(): Promise<void> {
    let seen: number | undefined;
    for (;;) {
      await sleep(pollMs, undefined, {ref: false});
      if (this.#over || this.#stopped) return;
      const reads = this.#reads();
      if (reads !== undefined && reads === seen) continue;
      this.#flushing = this.#flush();
      await this.#flushing;
      // Anything beyond the flush itself is a change that may have come too late for it, and is flushed the next time.
      seen = reads === undefined ? undefined : reads + readsOfOneFlush;
    }
  }

  async #flush(): Promise<boolean> {
    if (this.#over) return false;
    this.#shell.stdin!.write('flush\n');
    await this.#until(() => this.#over || this.#answers.length > 0);
    const answer = this.#answers.shift();
    // A shell that is gone says nothing about the image.
    if (answer !== undefined && answer !== '0') this.#fail('refused');
    return answer === '0';
  }

  /** How many reads fuse2fs has made: one at least for each request of the kernel. Undefined where nobody counts. */
  #reads(): number | undefined {
    if (this.#fuse2fsPid === undefined) return undefined;
    const [, reads] = /^syscr: (\d+)$/m.exec(readKernelText(`${kernelRoots.proc}/${this.#fuse2fsPid}/io`) ?? '') ?? [];
    return reads === undefined ? undefined : Number(reads);
  }

  async #until(fact: () => boolean): Promise<void> {
    while (!fact()) await new Promise<void>((resolve) => (this.#onAnswer = resolve));
  }
}

function openFlushFile(folder: string): number | undefined {
  const flags = constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW | constants.O_NONBLOCK;
  let fd: number;
  try {
    fd = openSync(`${folder}/${flushFileName}`, flags, 0o600);
  } catch {
    return undefined;
  }
  if (!fstatSync(fd).isFile()) {
    closeSync(fd);
    return undefined;
  }
  try {
    const {uid, gid} = statSync(folder);
    fchownSync(fd, uid, gid);
  } catch {
    // An owner that this user namespace does not know.
  }
  return fd;
}
