import {inForeground, restoreTerminal, saveTerminal, setTerminal, type Terminal} from '../kernel/terminal.ts';

/** The user's terminal, and the settings that it had before the ghost was called. */
export type SavedTerminal = {readonly terminal: Terminal; readonly settings: string};

/** The user's terminal while a session has it. In the background it is somebody else's, and left alone. */
export class SessionTerminal {
  readonly saved: SavedTerminal | undefined;
  readonly #isShared: boolean;

  private constructor(saved: SavedTerminal | undefined, isShared: boolean) {
    this.saved = saved;
    this.#isShared = isShared;
  }

  /** The relay puts the terminal into raw mode; if it is killed, nobody but us is left to undo that. */
  static async save(terminal: Terminal | undefined, isShared: boolean): Promise<SessionTerminal> {
    const saved = terminal && {terminal, settings: await saveTerminal(terminal.descriptor)};
    return new SessionTerminal(saved, isShared);
  }

  async restore(): Promise<void> {
    if (this.saved === undefined || !inForeground()) return;
    await restoreTerminal(this.saved.terminal.descriptor, this.saved.settings);
  }

  /** Standard output may lead through a pipe to the same terminal, and what writes there knows nothing of raw mode. */
  async share(): Promise<void> {
    if (this.saved === undefined || !this.#isShared || !inForeground()) return;
    await setTerminal(this.saved.terminal.descriptor, ['opost']);
  }
}
