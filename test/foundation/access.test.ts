import {expect} from 'chai';
import {mkdtempSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {isExecutable, isWritable} from '../../src/foundation/access.ts';

describe('What may be done with a file', () => {
  it('is what its permissions say, and nothing where there is no file', () => {
    const folder = mkdtempSync(join(tmpdir(), 'tazpod-'));
    writeFileSync(join(folder, 'text'), '', {mode: 0o600});
    writeFileSync(join(folder, 'program'), '', {mode: 0o700});
    const may = (name: string) => [isWritable(join(folder, name)), isExecutable(join(folder, name))];
    expect(may('text')).to.deep.equal([true, false]);
    expect(may('program')).to.deep.equal([true, true]);
    expect(may('missing')).to.deep.equal([false, false]);
    rmSync(folder, {recursive: true});
  });
});
