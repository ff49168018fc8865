import {mkdtempSync, readdirSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {expect} from 'chai';
import {makeWholeFile, replaceWholeFile} from '../../src/project/whole-file.ts';
import {failureOf} from '../failure-of.ts';

describe('A file of a project', () => {
  it('is reported as 73 where it cannot be written', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'tazpod-whole-'));
    expect(await failureOf(() => makeWholeFile(join(folder, 'missing/file'), 'x'))).to.include({code: 73});
    expect(await failureOf(() => replaceWholeFile(join(folder, 'missing/file'), 'x', 0o644))).to.include({code: 73});
    expect(readdirSync(folder)).to.deep.equal([]);
    rmSync(folder, {recursive: true});
  });
});
