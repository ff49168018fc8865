import {expect} from 'chai';
import {spawnSync} from 'node:child_process';
import {join} from 'node:path';
import {root} from '../../scripts/setup.js';
import {skip} from '../skip.ts';
import {page} from './pages.ts';

const written = page('docs/isolation.md');

/** The cells of each row of the tables below the headings that match. */
function rowsBelow(headings: RegExp): string[][] {
  return written.text
    .split(/^## /m)
    .filter((chapter) => headings.test(chapter.split('\n')[0]!))
    .flatMap((chapter) => chapter.split('\n').filter((line) => line.startsWith('| ')))
    .filter((line) => !/^\| (---|attack \||what a process)/.test(line))
    .map((line) =>
      line
        .slice(2, -2)
        .split(/(?<!\\) \| /)
        .map((cell) => cell.trim()),
    );
}

const accepted = /^What is not kept/;

describe('The page on the isolation of a session', () => {
  it('is what the rows of the tests say: "npm run isolation" writes it', function () {
    if (process.getuid!() !== 0) skip(this, 'only root can load the tests that the page is made of');
    const {status, stdout, stderr} = spawnSync(
      process.execPath,
      [join(root, 'test/isolation/document.ts'), '--print'],
      {encoding: 'utf8'},
    );
    expect(status, stderr).to.equal(0);
    expect(written.text).to.equal(stdout);
  });

  it('has no attack that gets anything, and each has a control that does, or the reason why it has none', () => {
    const rows = rowsBelow(/^(?!What is not kept)/);
    expect(rows.length).to.be.greaterThan(30);
    expect(rows.filter(([, gets]) => gets !== 'nothing')).to.deep.equal([]);
    expect(rows.filter(([, , control]) => !/^(gets through without|No control:) \S/.test(control ?? ''))).to.deep.equal(
      [],
    );
  });

  it('has a reason for everything that a process of the same user can do', () => {
    const rows = rowsBelow(accepted);
    expect(rows.length).to.be.greaterThan(0);
    expect(rows.filter(([, because]) => (because ?? '').length < 20)).to.deep.equal([]);
  });

  it('names no attack twice', () => {
    const attacks = rowsBelow(/./).map(([attack]) => attack);
    expect(attacks.filter((attack, index) => attacks.indexOf(attack) !== index)).to.deep.equal([]);
  });
});
