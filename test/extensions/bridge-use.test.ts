import {chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {expect} from 'chai';
import {isOfUse} from '../../src/extensions/bridge-use.ts';

describe('A bridge of a plugin for one program', () => {
  let home: string;

  beforeEach(() => {
    home = mkdtempSync(join(tmpdir(), 'tazpod-bridge-'));
  });

  afterEach(() => rmSync(home, {recursive: true}));

  it('is there if the program is installed or has left its directory, and makes none otherwise', () => {
    const bridge = {home: '.claude', vault: '.agents/claude', command: 'claude'};
    const isUsed = () => isOfUse(bridge, `relative:${join(home, 'bin')}`, home);
    expect(isUsed()).to.equal(false);
    expect(isOfUse({home: '.claude', vault: '.agents/claude'}, '', home)).to.equal(true);
    mkdirSync(join(home, 'bin'));
    writeFileSync(join(home, 'bin/claude'), '');
    chmodSync(join(home, 'bin/claude'), 0o755);
    expect(isUsed()).to.equal(true);
    rmSync(join(home, 'bin/claude'));
    mkdirSync(join(home, '.claude'));
    expect(isUsed()).to.equal(true);
  });
});
