import {expect} from 'chai';
import fc from 'fast-check';
import {Screen} from '../../../scripts/picture/screen.ts';

const escape = '\u001b[';

function shown(text: string, columns = 20, rows = 4): string[] {
  const screen = new Screen(columns, rows);
  screen.write(text);
  return screen.picture().map((runs) => {
    return runs.reduce((line, run) => line.padEnd(run.column) + run.text, '');
  });
}

describe('The screen of the picture', () => {
  it('shows text where a terminal shows it', () => {
    expect(shown('one\r\n  two\r\nthree\rT')).to.deep.equal(['one', '  two', 'Three']);
  });

  it('redraws lines as listr2 does', () => {
    const redraw = `◼ one\r\n◼ two\r\n${escape}2A${escape}G${escape}2K✔ one\r\n${escape}1B`;
    expect(shown(redraw)).to.deep.equal(['✔ one', '◼ two', '']);
    expect(shown(`abcdef${escape}3G${escape}K`)).to.deep.equal(['ab']);
  });

  it('wraps what is too long, and scrolls what is too high', () => {
    expect(shown('abcdef', 4)).to.deep.equal(['abcd', 'ef']);
    expect(shown('1\r\n2\r\n3\r\n4', 20, 3)).to.deep.equal(['2', '3', '4']);
  });

  it('keeps the style of each run', () => {
    const screen = new Screen(20, 4);
    screen.write(`${escape}1;32m$${escape}0m plain ${escape}2mdim${escape}22m`);
    expect(screen.picture()).to.deep.equal([
      [
        {column: 0, text: '$', style: {bold: true, colour: 'green'}},
        {column: 2, text: 'plain', style: {}},
        {column: 8, text: 'dim', style: {dim: true}},
      ],
    ]);
  });

  it('is incomplete in the middle of a synchronized drawing', () => {
    const screen = new Screen(20, 4);
    screen.write(`${escape}?2026h${escape}?25lhalf`);
    expect(screen.incomplete).to.equal(true);
    screen.write(`${escape}?2026l`);
    expect(screen.incomplete).to.equal(false);
  });

  it('does not mind in which pieces the output comes', () => {
    const text = `${escape}?2026hone\r\n${escape}32m✔${escape}39m two${escape}?2026l\u001b]0;title\u0007 three`;
    fc.assert(
      fc.property(fc.nat({max: text.length}), fc.nat({max: text.length}), (a, b) => {
        const screen = new Screen(20, 4);
        const [first, second] = [Math.min(a, b), Math.max(a, b)];
        for (const piece of [text.slice(0, first), text.slice(first, second), text.slice(second)]) screen.write(piece);
        expect(screen.picture()).to.deep.equal([
          [{column: 0, text: 'one', style: {}}],
          [
            {column: 0, text: '✔', style: {colour: 'green'}},
            {column: 2, text: 'two three', style: {}},
          ],
        ]);
      }),
    );
  });

  it('draws nothing that it does not understand', () => {
    for (const text of [`${escape}5n`, `${escape}7m`, '\u0000']) {
      expect(() => shown(text), JSON.stringify(text)).to.throw(/unknown/);
    }
  });
});
