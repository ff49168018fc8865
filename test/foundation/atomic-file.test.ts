import {mkdtempSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {expect} from 'chai';
import {makeWholeFile, removeAbandoned, replaceWholeFile} from '../../src/project/whole-file.ts';
import {failureOf} from '../failure-of.ts';

describe('A file that is whole or not there', () => {
  let folder: string;
  const path = () => join(folder, 'file');

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'tazpod-whole-'));
  });

  afterEach(() => rmSync(folder, {recursive: true}));

  it('takes no other’s place, even one that came in this moment', () => {
    expect(makeWholeFile(path(), 'first')).to.equal(true);
    expect(makeWholeFile(path(), 'second')).to.equal(false);
    expect(readFileSync(path(), 'utf8')).to.equal('first');
    rmSync(path());
    symlinkSync(join(folder, 'elsewhere'), path());
    expect(makeWholeFile(path(), 'third')).to.equal(false);
    expect(readdirSync(folder)).to.deep.equal(['file']);
  });

  it('gets new content at once, with the permissions that it had', () => {
    writeFileSync(path(), 'old', {mode: 0o600});
    const {ino} = statSync(path());
    replaceWholeFile(path(), 'new', 0o100640);
    expect(readFileSync(path(), 'utf8')).to.equal('new');
    expect(statSync(path()).mode & 0o7777).to.equal(0o640);
    expect(statSync(path()).ino).not.to.equal(ino);
    expect(readdirSync(folder)).to.deep.equal(['file']);
  });

  it('is reported as 73 where it cannot be', async () => {
    expect(await failureOf(() => makeWholeFile(join(folder, 'missing/file'), 'x'))).to.include({code: 73});
  });

  it('has what killed ones have left taken away, and nothing of those that live', () => {
    const names = ['.file.tazpod-new-4194399', `.file.tazpod-new-${process.ppid}`, '.file', 'tazpod-new-4194399'];
    for (const name of names) writeFileSync(join(folder, name), '');
    removeAbandoned(folder);
    expect(readdirSync(folder).sort()).to.deep.equal(names.slice(1).sort());
    removeAbandoned(join(folder, 'missing'));
  });
});
