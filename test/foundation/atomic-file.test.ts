import {mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {expect} from 'chai';
import {createAtomically, removeAbandoned, replaceAtomically} from '../../src/foundation/atomic-file.ts';

/** The number of the PID namespace. */
const namespace = statSync('/proc/self/ns/pid').ino;

describe('A file that is whole or not there', () => {
  let folder: string;
  const path = () => join(folder, 'file');

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'tazpod-whole-'));
  });

  afterEach(() => rmSync(folder, {recursive: true}));

  it('takes no other’s place, even one that came in this moment', () => {
    expect(createAtomically(path(), 'first')).to.equal(true);
    expect(createAtomically(path(), 'second')).to.equal(false);
    expect(readFileSync(path(), 'utf8')).to.equal('first');
    rmSync(path());
    symlinkSync(join(folder, 'elsewhere'), path());
    expect(createAtomically(path(), 'third')).to.equal(false);
    expect(readdirSync(folder)).to.deep.equal(['file']);
  });

  it('gets new content at once, with the permissions that it had', () => {
    writeFileSync(path(), 'old', {mode: 0o600});
    const {ino} = statSync(path());
    replaceAtomically(path(), 'new', 0o100640);
    expect(readFileSync(path(), 'utf8')).to.equal('new');
    expect(statSync(path()).mode & 0o7777).to.equal(0o640);
    expect(statSync(path()).ino).not.to.equal(ino);
    expect(readdirSync(folder)).to.deep.equal(['file']);
  });

  it('gets the usual permissions if none are asked for', () => {
    replaceAtomically(path(), 'new');
    writeFileSync(join(folder, 'usual'), '');
    expect(statSync(path()).mode).to.equal(statSync(join(folder, 'usual')).mode);
  });

  it('is made although an earlier process with this number has left half of it', () => {
    writeFileSync(join(folder, `.file.tazpod-new-${namespace}-${process.pid}`), 'ha');
    replaceAtomically(path(), 'whole', 0o600);
    expect(readFileSync(path(), 'utf8')).to.equal('whole');
    expect(readdirSync(folder)).to.deep.equal(['file']);
  });

  it('leaves nothing behind if it cannot get its name', () => {
    mkdirSync(path());
    expect(() => replaceAtomically(path(), 'new', 0o600)).to.throw(/EISDIR/);
    expect(readdirSync(folder)).to.deep.equal(['file']);
  });

  it('has what killed ones have left taken away, and nothing of those that live', () => {
    const names = [
      `.file.tazpod-new-${namespace}-4194399`,
      `.file.tazpod-new-${namespace}-${process.ppid}`,
      // Of a process in another PID namespace, of which nothing is known here.
      '.file.tazpod-new-1-4194399',
      '.file',
      `tazpod-new-${namespace}-4194399`,
    ];
    for (const name of names) writeFileSync(join(folder, name), '');
    removeAbandoned(folder);
    expect(readdirSync(folder).sort()).to.deep.equal(names.slice(1).sort());
    removeAbandoned(join(folder, 'missing'));
  });
});
