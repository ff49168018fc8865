import {programPath} from '../../kernel/program.ts';

/**
 * Lets this process end although threads of it wait in the kernel.
 *
 * A thread that reads from `/dev/fuse` cannot be interrupted, and Node joins its threads before it exits: a process
 * that serves a block file and calls `process.exit`, or throws, would hang for ever with the vault open. So at the
 * very end it becomes another program, which is the one thing that ends all threads at once, with the exit code that
 * it was about to have. The kernel then closes the connection. (SIGKILL does the same without the exit code.)
 */
export class ExitGuard {
  readonly #shell = programPath('sh');
  readonly #leave = (code: number): void => {
    process.execve!(this.#shell, ['sh', '-c', `exit ${code}`], {});
  };

  arm(): void {
    process.on('exit', this.#leave);
  }

  disarm(): void {
    process.off('exit', this.#leave);
  }
}
