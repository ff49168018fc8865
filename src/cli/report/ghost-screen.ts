import {closeSync, openSync, writeSync} from 'node:fs';
import type {GhostMessage} from '../../lifecycle/message.ts';
import {describeLeftBehind} from '../../vault/left-behind.ts';
import type {Presentation} from '../../vault/presentation.ts';
import {confirm} from '../prompt/ask.ts';
import {type GraphStyle, LifecycleGraph} from './lifecycle-graph.ts';
import {ProgressLine} from './progress-line.ts';
import {columnsOf, wrapText} from '../wrap.ts';

/** Where a command has its warnings. */
export type Warnings = {
  remark(text: string): void;
  /** A warning in the middle of a session, whose terminal is in raw mode. */
  notice(text: string): void;
};

/**
 * Ends the modes that a full-screen program sets (xterm's control sequences): the other screen, mouse reports, bracketed
 * paste, focus reports, a hidden cursor, application keys, colours. To leave the other screen brings the cursor back to
 * where it was saved, and it may never have been: so it is saved first, which each of the two screens does for itself.
 */
const plainScreen = '\u001b7\u001b[?1049l\u001b[?1000;1002;1003;1004;1006;2004l\u001b[?25h\u001b[?1l\u001b>\u001b[m';

/** Ends each line with CR LF: sudo may have put the terminal into raw mode. Standard error may lead elsewhere. */
function writeToTerminal(text: string): void {
  let terminal: number;
  try {
    terminal = openSync('/dev/tty', 'w');
  } catch {
    // It was closed at the prompt.
    return;
  }
  writeSync(terminal, `${text}\n`.replaceAll('\n', '\r\n'));
  closeSync(terminal);
}

/** Shows what the ghost tells: its steps, and its warnings when nothing is drawn that they would get into. */
export class GhostScreen implements Presentation {
  readonly confirm = confirm;
  readonly #style: GraphStyle;
  readonly #debug: boolean;
  readonly #warnings: Warnings;
  readonly #graph: LifecycleGraph;
  #progress: ProgressLine | undefined;
  /** Warnings that wait: a line in the midst of a graph that redraws itself would be drawn over. */
  #waiting: string[] = [];
  /** This call has mounted the vault: what it takes down again is worth showing. */
  #mounted = false;

  constructor(style: GraphStyle, debug: boolean, warnings: Warnings) {
    this.#style = style;
    this.#debug = debug;
    this.#warnings = warnings;
    this.#graph = new LifecycleGraph(style);
  }

  async show(message: GhostMessage): Promise<void> {
    switch (message.say) {
      case 'phase':
        this.#mounted &&= message.phase !== 'prepare' && message.phase !== 'create';
        return message.phase === 'close' && !this.#mounted ? this.#graph.close() : this.#graph.show(message);
      case 'started':
      case 'progress':
      case 'done':
      case 'skipped':
      case 'broken':
        this.#mounted ||= message.say === 'done' && message.step === 'mount';
        return this.#graph.show(message);
      case 'waits':
        if (this.#style !== 'silent') return this.#graph.show(message);
        return this.remark(`The vault: ${message.why}.`);
      case 'locked':
        await this.clear();
        // What ran in the session has not had the time to leave the screen as it was. The cursor is behind a prompt.
        if (process.stderr.isTTY) process.stderr.write(`${plainScreen}\n`);
        return this.remark(message.why);
      case 'terminal':
      case 'failure':
      case 'ended':
      case 'lingers':
        return this.clear();
      case 'answered':
        return writeToTerminal('');
      case 'objection':
        return writeToTerminal(message.text);
      case 'warning':
        return void this.#waiting.push(message.text);
      case 'leftBehind':
        return void this.#waiting.push(...describeLeftBehind(message.programs));
      case 'notice':
        return this.#warnings.notice(message.text);
      case 'program':
        if (this.#debug) process.stderr.write(`+ ${message.commandLine}\n`);
        return;
    }
  }

  report(doing: string, share: number): void {
    if (this.#style === 'live') (this.#progress ??= new ProgressLine()).show(doing, share);
  }

  async clear(): Promise<void> {
    await this.#progress?.close();
    this.#progress = undefined;
    await this.#graph.close();
    for (const text of this.#waiting.splice(0)) this.remark(text);
  }

  remark(text: string): void {
    this.#warnings.remark(text);
  }

  tell(text: string): void {
    if (this.#style !== 'silent') process.stderr.write(`${wrapText(text, columnsOf(process.stderr), '', '  ')}\n`);
  }
}
