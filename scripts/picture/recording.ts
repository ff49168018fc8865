import {type Run, Screen} from './screen.ts';

/** What a terminal showed, and for how long. */
export type Frame = {readonly rows: readonly (readonly Run[])[]; readonly ms: number};

/** A piece of output, and when it came, in milliseconds since the beginning. */
export type Output = {readonly ms: number; readonly text: string};

/** Reading takes longer than the program does: what is fast is slowed down, and a new heading is looked at. */
const pace = {factor: 2.5, leastMs: 60, mostMs: 500, headingMs: 2200, typingMs: 90, promptMs: 900, lastMs: 10_000};

const prompt = '\u001b[1;32m$\u001b[0m ';
const bold = '\u001b[1m';

/** The frames of a command that is typed at a prompt, runs, and is left on the screen when it has ended. */
export function framesOf(command: string, outputs: readonly Output[], columns: number, rows: number): Frame[] {
  const screen = new Screen(columns, rows);
  const frames: Frame[] = [];
  const show = (text: string, ms: number) => {
    screen.write(text);
    if (!screen.incomplete) frames.push({rows: screen.picture(), ms: Math.round(ms)});
  };
  show(prompt, pace.promptMs);
  for (const character of command) show(character, pace.typingMs);
  show('\r\n', pace.typingMs);
  outputs.forEach(({ms, text}, index) => {
    const realMs = (outputs[index + 1]?.ms ?? ms) - ms;
    const slowMs = Math.min(pace.mostMs, Math.max(pace.leastMs, realMs * pace.factor));
    // Of all that the tour writes, only its headings are bold.
    show(text, text.includes(bold) ? pace.headingMs : slowMs);
  });
  show(prompt, pace.lastMs);
  return frames;
}
