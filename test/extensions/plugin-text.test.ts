import {expect} from 'chai';
import {plainTexts} from '../../src/extensions/plugin-text.ts';

describe('The texts of a plugin', () => {
  it('have no escape sequence and no invisible character, wherever they stand', () => {
    const hostile = '\u001b]52;c;aGFybQ==\u0007 \u202eevil\u0085\u2028\ufeff';
    const plain = plainTexts({
      summary: hostile,
      flags: {[hostile]: {options: [hostile], char: 'f', default: 1}},
      none: null,
    });
    const text = JSON.stringify(plain);
    expect(text).not.to.match(/[^\P{C}]|[\u2028\u2029]/u);
    expect(text).to.include('\\\\u{1b}]52;c;').and.include('\\\\u{202e}evil');
    expect(plain).to.deep.include({none: null});
    expect(plainTexts('two\nlines\tand a tab: ünïcödé 👻')).to.equal('two\nlines\tand a tab: ünïcödé 👻');
  });

  it('are no templates, but for the name of the program and of the command', () => {
    const kept = '<%= config.bin %> <%= command.id %> <%- config.version %>';
    expect(plainTexts(kept)).to.equal(kept);
    for (const code of [
      '<% process.exit() %>',
      '<%= process.env.HOME %>',
      '<%_ x %>',
      '<%=config.bin%>',
      '<%= config.bin + f() %>',
    ])
      expect(plainTexts(code), code).not.to.include('<%');
  });
});
