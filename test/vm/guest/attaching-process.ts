import {spawn, type ChildProcess} from 'node:child_process';
import {once} from 'node:events';
import {join} from 'node:path';
import type {Task} from '../../children/attach-and-wait.ts';
import type {LuksImage} from './image.ts';

/** A process that attaches an image by the dm-crypt engine, in a mount namespace of its own, and waits to be killed. */
export class AttachingProcess {
  readonly pid: number;
  readonly ended: Promise<unknown>;
  /** What it says first: the path of the device, or a Failure in JSON. */
  readonly said: Promise<string>;
  readonly #child: ChildProcess;

  /** @param prepare shell code that runs first, in the namespace; its pid is the one that the process will have */
  constructor(image: LuksImage, prepare = '', {pinned = false} = {}) {
    const {ivTweak: _, ...segment} = image.segment;
    const task: Task = {
      image: image.path,
      segment,
      luksUuid: image.luksUuid,
      keyBytes: image.volumeKey.length,
      pinned,
    };
    const shell = ['bash', '-c', `${prepare}\nexec "$@"`, 'bash'];
    const program = [
      process.execPath,
      join(import.meta.dirname, '../../children/attach-and-wait.ts'),
      JSON.stringify(task),
    ];
    this.#child = spawn('unshare', ['--mount', '--propagation', 'private', ...shell, ...program], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    // One that is killed early does not read it.
    this.#child.stdin!.on('error', () => {});
    this.#child.stdin!.write(image.volumeKey);
    this.pid = this.#child.pid!;
    this.ended = once(this.#child, 'exit');
    this.said = once(this.#child.stdout!, 'data').then(([line]) => String(line).trim());
    // Most of those who are killed say nothing.
    this.said.catch(() => {});
  }

  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.ended;
  }
}
