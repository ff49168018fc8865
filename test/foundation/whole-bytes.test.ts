import {expect} from 'chai';
import {spawnSync} from 'node:child_process';
import {closeSync, mkdtempSync, openSync, readFileSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {readWhole, writeWhole} from '../../src/foundation/whole-bytes.ts';

const source = new URL('../../src/foundation/whole-bytes.ts', import.meta.url).href;

describe('Bytes that are read and written whole', () => {
  let folder: string;

  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'tazpod-'));
  });

  after(() => rmSync(folder, {recursive: true}));

  function opened<T>(work: (fd: number) => T): T {
    const fd = openSync(join(folder, 'file'), 'w+');
    try {
      return work(fd);
    } finally {
      closeSync(fd);
    }
  }

  it('are written and read at a position, up to the end of the file', () => {
    const bytes = Buffer.alloc(8);
    const count = opened((fd) => {
      writeWhole(fd, Buffer.from('abcdef'));
      writeWhole(fd, Buffer.from('XY'), 2);
      return readWhole(fd, bytes, 1);
    });
    expect(bytes.toString('latin1', 0, count)).to.equal('bXYef');
    expect(readFileSync(join(folder, 'file'), 'latin1')).to.equal('abXYef');
  });

  it('arrive from a pipe that brings them piece by piece, and go into one', () => {
    const script = `import {readWhole, writeWhole} from ${JSON.stringify(source)};
      const bytes = Buffer.alloc(300_000);
      const count = readWhole(0, bytes);
      writeWhole(1, bytes.subarray(0, count));`;
    const command = '{ head -c 100000 /dev/zero; sleep 0.2; head -c 90000 /dev/zero; } | "$0" -e "$1" | wc -c';
    const {stdout, stderr} = spawnSync('/bin/sh', ['-c', command, process.execPath, script], {encoding: 'utf8'});
    expect(stdout.trim(), stderr).to.equal('190000');
  });
});
