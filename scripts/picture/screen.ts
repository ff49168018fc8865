/** How a cell looks; what is not named is the terminal's own. */
export type Style = {readonly colour?: Colour; readonly bold?: boolean; readonly dim?: boolean};

export type Colour = 'red' | 'green' | 'yellow' | 'blue' | 'magenta' | 'cyan';

/** Neighbouring cells of one style. */
export type Run = {readonly column: number; readonly text: string; readonly style: Style};

const colours: readonly (Colour | undefined)[] = [undefined, 'red', 'green', 'yellow', 'blue', 'magenta', 'cyan'];

type Cell = {readonly character: string; readonly style: Style};

/**
 * The screen of a terminal, as far as listr2 and our own output use one (ECMA-48 and xterm's control sequences). What
 * it does not know is an error: a wrong picture must not be made.
 */
export class Screen {
  /** The writer is in the middle of a picture (synchronized output, private mode 2026). */
  incomplete = false;
  readonly #columns: number;
  readonly #rowCount: number;
  #rows: Cell[][] = [[]];
  #row = 0;
  #column = 0;
  #style: Style = {};
  #unread = '';

  constructor(columns: number, rows: number) {
    this.#columns = columns;
    this.#rowCount = rows;
  }

  /** Takes what a program wrote. A control sequence may come in pieces. */
  write(text: string): void {
    const all = this.#unread + text;
    // eslint-disable-next-line no-control-regex -- control characters are what this is about
    const token = /\u001b\[([?\d;]*)([A-Za-z])|\u001b\][^\u0007]*\u0007|\u001b(?:$|\[[?\d;]*$|\][^\u0007]*$)|[^]/gu;
    this.#unread = '';
    for (const [found, parameters, final] of all.matchAll(token)) {
      if (final !== undefined) this.#control(parameters ?? '', final);
      else if (!found.startsWith('\u001b')) this.#put(found);
      else if (!found.endsWith('\u0007')) this.#unread = found;
    }
  }

  /** The rows from the top to the last one that was used, each as its runs. */
  picture(): readonly (readonly Run[])[] {
    return this.#rows.map(runsOf);
  }

  #put(character: string): void {
    if (character === '\r') this.#column = 0;
    else if (character === '\n') this.#lineFeed();
    else if (character >= ' ') {
      if (this.#column === this.#columns) {
        this.#column = 0;
        this.#lineFeed();
      }
      const row = this.#rows[this.#row]!;
      while (row.length < this.#column) row.push({character: ' ', style: {}});
      row[this.#column++] = {character, style: this.#style};
    } else throw new Error(`unknown control character ${JSON.stringify(character)}`);
  }

  #lineFeed(): void {
    this.#row += 1;
    if (this.#row === this.#rows.length) this.#rows.push([]);
    if (this.#row === this.#rowCount) {
      this.#rows.shift();
      this.#row -= 1;
    }
  }

  #control(parameters: string, final: string): void {
    const [first] = parameters.split(';').map(Number);
    const count = Math.max(1, first ?? 1);
    const row = this.#rows[this.#row]!;
    if (final === 'A') this.#row = Math.max(0, this.#row - count);
    else if (final === 'B') this.#row = Math.min(this.#rows.length - 1, this.#row + count);
    else if (final === 'G') this.#column = count - 1;
    else if (final === 'K' && parameters !== '1')
      row.length = parameters === '2' ? 0 : Math.min(row.length, this.#column);
    else if (final === 'm') for (const code of parameters.split(';')) this.#restyle(Number(code));
    else if (parameters === '?2026') this.incomplete = final === 'h';
    else if (parameters !== '?25') throw new Error(`unknown control sequence ${parameters}${final}`);
  }

  #restyle(code: number): void {
    const {colour: _colour, ...uncoloured} = this.#style;
    const {bold: _bold, dim: _dim, ...unweighted} = this.#style;
    if (code === 0) this.#style = {};
    else if (code === 1) this.#style = {...this.#style, bold: true};
    else if (code === 2) this.#style = {...this.#style, dim: true};
    else if (code === 22) this.#style = unweighted;
    else if (code === 39) this.#style = uncoloured;
    else if (code === 90) this.#style = {...uncoloured, dim: true};
    else if (colours[code - 30] !== undefined) this.#style = {...this.#style, colour: colours[code - 30]!};
    else throw new Error(`unknown rendition ${code}`);
  }
}

function runsOf(row: readonly Cell[]): Run[] {
  const runs: {column: number; text: string; style: Style}[] = [];
  row.forEach(({character, style}, column) => {
    const last = runs.at(-1);
    if (last !== undefined && sameStyle(last.style, style)) last.text += character;
    else runs.push({column, text: character, style});
  });
  return runs.flatMap(({column, text, style}) => {
    const trimmed = text.trim();
    return trimmed === '' ? [] : {column: column + text.indexOf(trimmed), text: trimmed, style};
  });
}

function sameStyle(one: Style, other: Style): boolean {
  return one.colour === other.colour && one.bold === other.bold && one.dim === other.dim;
}
