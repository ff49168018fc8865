import {mkdirSync, mkdtempSync, rmSync, symlinkSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {expect} from 'chai';
import {collectBridges, type DeclaredBridge} from '../../src/vault/bridges.ts';
import {failureOf} from '../failure-of.ts';

describe('The bridges of a plan', () => {
  let home: string;

  beforeEach(() => {
    home = mkdtempSync(join(tmpdir(), 'tazpod-home-'));
  });

  afterEach(() => rmSync(home, {recursive: true}));

  const own = (inHome: string, vault: string): DeclaredBridge => ({
    ...{home: inHome, vault},
    source: '/home/dev/.config/tazpod/config.yaml:3',
    contributed: false,
  });
  const brought = (inHome: string, vault: string, plugin = 'tazpod-x'): DeclaredBridge => ({
    ...{home: inHome, vault},
    source: `the plugin ${plugin}`,
    contributed: true,
  });
  const collect = (...declared: DeclaredBridge[]) =>
    collectBridges(declared, {
      home,
      mountPoint: `${home}/secrets`,
      image: `${home}/p/vault.img`,
      key: {from: 'terminal'},
    });

  it('are those of plugins and configuration, the same one once', () => {
    expect(collect(brought('.a', 'a'), own('.b', 'b'), own('.a', 'a'))).to.deep.equal({
      bridges: [
        {home: '.b', vault: 'b'},
        {home: '.a', vault: 'a'},
      ],
      remarks: [],
    });
  });

  it('are refused where the user’s own cannot be, with the line that asks for it', async () => {
    const failure = await failureOf(() => collect(own('secrets', 'x')));
    expect(failure.code).to.equal(78);
    expect(failure.message).to.include('/home/dev/.config/tazpod/config.yaml:3 asks for it');
    expect(failure.why).to.equal('The mount point is the same directory.');
  });

  it('are left out where a plugin’s cannot be, and the user’s own come before it', () => {
    const {bridges, remarks} = collect(brought('.a', 'x'), own('.b', 'x'), brought('../etc', 'y', 'tazpod-evil'));
    expect(bridges).to.deep.equal([{home: '.b', vault: 'x'}]);
    expect(remarks).to.have.length(2);
    expect(remarks[0]).to.match(
      /from the plugin tazpod-x, is ignored: .*, that of \/home\/dev\/.config\/tazpod\/config.yaml:3\./,
    );
    expect(remarks[1]).to.match(/"\.\.\/etc".*, from the plugin tazpod-evil, is ignored/);
  });

  it('lead through no symbolic link, not even the user’s', async () => {
    mkdirSync(join(home, 'dotfiles/x'), {recursive: true});
    symlinkSync('dotfiles', join(home, '.linked'));
    expect(collect(brought('.linked/x', 'x'))).to.deep.include({bridges: []});
    expect((await failureOf(() => collect(own('.linked/x', 'x')))).why).to.include('is a symbolic link');
  });
});
