import {pollUntil} from '../foundation/poll.ts';
import {readProcessStat} from '../kernel/process-record.ts';
import {inForeground, restoreTerminal, saveTerminal} from '../kernel/terminal.ts';
import type {Conversation} from './conversation.ts';
import type {SavedTerminal} from './session-terminal.ts';

/** How long sudo may take to stop after Ctrl-Z, or after the session's program has stopped. */
const stopTimeoutMs = 1000;
const showCursor = '\u001b[?25h';

/**
 * Makes a running ghost a job of the user's shell that Ctrl-Z stops, and `fg` and `bg` continue.
 *
 * The shell's jobs are this process and sudo, and sudo stops when the ghost does. So Ctrl-Z stops this process if it has
 * stopped that one: a program that ignores Ctrl-Z is not left running behind a shell that takes it for stopped. Where the
 * session has a terminal of its own, the key reaches the program there and nobody here, and the ghost tells us.
 */
export class Job {
  readonly #ghostPid: number;
  readonly #saved: SavedTerminal | undefined;
  readonly #conversation: Conversation;
  readonly #onKey = () => void this.#stop();
  readonly #onContinued = () => void this.#takeTerminal();
  /** How the session's relay had the terminal when it was stopped. */
  #relaySettings: string | undefined;
  #stopping = false;
  /** The ghost waits for our word before it continues the session. */
  #owesWord = false;

  constructor(ghostPid: number, saved: SavedTerminal | undefined, conversation: Conversation) {
    this.#ghostPid = ghostPid;
    this.#saved = saved;
    this.#conversation = conversation;
    conversation.onStopped = () => this.#stopWithSession();
    process.on('SIGTSTP', this.#onKey);
    process.on('SIGCONT', this.#onContinued);
  }

  end(): void {
    process.removeListener('SIGTSTP', this.#onKey);
    process.removeListener('SIGCONT', this.#onContinued);
  }

  /** The ghost says that the session was stopped. */
  #stopWithSession(): void {
    this.#owesWord = true;
    void this.#stop();
  }

  /** sudo's signal and the ghost's message come in any order: one stop is for both. */
  async #stop(): Promise<void> {
    if (this.#stopping) return;
    this.#stopping = true;
    try {
      if (!(await this.#ghostStops())) return;
      await this.#leaveTerminal();
      if (process.stderr.isTTY) process.stderr.write(showCursor);
      process.removeListener('SIGTSTP', this.#onKey);
      // The whole job: the Node that has relaunched this one, and what stands beside it in a pipeline. This process goes
      // on behind this line when the shell continues it, or at once if there is no shell that could.
      process.kill(0, 'SIGTSTP');
      process.on('SIGTSTP', this.#onKey);
      await this.#takeTerminal();
    } finally {
      this.#stopping = false;
      if (this.#owesWord) this.#conversation.say({say: 'resumed'});
      this.#owesWord = false;
    }
  }

  #ghostStops(): Promise<boolean> {
    return pollUntil(() => readProcessStat(this.#ghostPid)?.state === 'T', stopTimeoutMs);
  }

  /** The relay has put the terminal into raw mode; the shell needs it as it was. sudo has seen to that where it relays. */
  async #leaveTerminal(): Promise<void> {
    if (this.#saved === undefined || !inForeground()) return;
    const {terminal, settings} = this.#saved;
    const now = await saveTerminal(terminal.descriptor);
    if (now === settings) return;
    this.#relaySettings = now;
    await restoreTerminal(terminal.descriptor, settings);
  }

  /** In the foreground again. In the background the terminal is somebody else's. */
  async #takeTerminal(): Promise<void> {
    if (this.#saved === undefined || this.#relaySettings === undefined || !inForeground()) return;
    await restoreTerminal(this.#saved.terminal.descriptor, this.#relaySettings);
  }
}
