import {closeSync, mkdirSync, mkdtempSync, openSync, realpathSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {expect} from 'chai';
import {findWriter} from '../../src/kernel/writers.ts';

describe('A directory that is asked who writes in it', () => {
  let folder: string;

  beforeEach(() => {
    folder = realpathSync(mkdtempSync(join(tmpdir(), 'tazpod-writers-')));
    mkdirSync(join(folder, 'a/b'), {recursive: true});
    writeFileSync(join(folder, 'a/b/log'), '');
    writeFileSync(join(folder, 'ab'), '');
  });

  afterEach(() => rmSync(folder, {recursive: true}));

  it('names a process that has a file below open for writing, and none that reads', () => {
    for (const [flags, path] of [
      ['a', 'b/log'],
      ['r+', 'b/log'],
      ['r', undefined],
    ] as const) {
      const fd = openSync(join(folder, 'a/b/log'), flags);
      expect(findWriter(join(folder, 'a'))).to.deep.equal(path === undefined ? undefined : {pid: process.pid, path});
      closeSync(fd);
    }
  });

  it('names nobody who writes beside it, and nobody where there is nothing', () => {
    const fd = openSync(join(folder, 'ab'), 'a');
    expect(findWriter(join(folder, 'a'))).to.equal(undefined);
    expect(findWriter(join(folder, 'nothing'))).to.equal(undefined);
    closeSync(fd);
  });
});
