import {spawnSync} from 'node:child_process';
import {expect} from 'chai';
import {exitCode} from '../../src/foundation/exit-code.ts';
import {Failure} from '../../src/foundation/failure.ts';
import {renderFailure, renderWarning} from '../../src/cli/report/render-failure.ts';
import {wrapCommand, wrapText} from '../../src/cli/wrap.ts';

const sentence =
  'The mount point /home/somebody/with/a/very/long/path/that/does/not/fit/into/one/line/of/a/terminal/secrets does ' +
  'not lie below your home, and this sentence goes on for a while.';

describe('What is longer than a line', () => {
  for (const columns of [20, 40, 80]) {
    it(`is broken between its words at ${columns} columns, and only there`, () => {
      const wrapped = wrapText(sentence, columns, 'error: ', '  ');
      const lines = wrapped.split('\n');
      expect(lines.length).to.be.greaterThan(1);
      for (const line of lines)
        expect(line.length <= columns || !line.trim().slice(7).includes(' '), line).to.equal(true);
      expect(wrapped.replaceAll(/\n */g, ' ')).to.equal(`error: ${sentence}`);
    });
  }

  it('stays one line where there is no terminal', () => {
    expect(wrapText(sentence, Infinity)).to.equal(sentence);
  });

  it('is still the same command for a shell when it is a command', () => {
    const command = `printf '%s\\n' "one word  with blanks" 'an other' plain --flag=value ${'x'.repeat(50)} last`;
    const wrapped = wrapCommand(command, 40, '', '    ');
    expect(wrapped.split('\n').length).to.be.greaterThan(3);
    const said = (script: string) => spawnSync('sh', ['-c', script], {encoding: 'utf8'}).stdout;
    expect(said(wrapped))
      .to.equal(said(command))
      .and.to.match(/^one word {2}with blanks\nan other\nplain\n/);
  });

  it('leaves the parts of an error where they belong', () => {
    const failure = new Failure(exitCode.usage, sentence, {
      why: sentence,
      next: `tazpod unlock --image /somewhere/vault.img --mount-point /home/somebody/secrets --size 512M`,
    });
    expect(renderFailure(failure, 80)).to.equal(
      [
        'error: The mount point',
        '  /home/somebody/with/a/very/long/path/that/does/not/fit/into/one/line/of/a/terminal/secrets',
        '  does not lie below your home, and this sentence goes on for a while.',
        '  The mount point',
        '  /home/somebody/with/a/very/long/path/that/does/not/fit/into/one/line/of/a/terminal/secrets',
        '  does not lie below your home, and this sentence goes on for a while.',
        '  Next: tazpod unlock --image /somewhere/vault.img --mount-point \\',
        '    /home/somebody/secrets --size 512M',
        '',
      ].join('\n'),
    );
    expect(renderWarning('one two three', 14)).to.equal('warning: one\n  two three');
  });
});
