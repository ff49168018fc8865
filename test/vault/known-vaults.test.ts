import {chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {expect} from 'chai';
import {addKnownVault, forgetKnownVault, knownByImage, knownVault, knownVaults} from '../../src/vault/known-vaults.ts';
import {failureOf} from '../failure-of.ts';

describe('The vaults with names', () => {
  const before = process.env['XDG_CONFIG_HOME'];
  let config: string;
  const records = () => join(config, 'tazpod/vaults');

  beforeEach(() => {
    config = mkdtempSync(join(tmpdir(), 'tazpod-names-'));
    process.env['XDG_CONFIG_HOME'] = config;
  });

  afterEach(() => {
    if (before === undefined) delete process.env['XDG_CONFIG_HOME'];
    else process.env['XDG_CONFIG_HOME'] = before;
    rmSync(config, {recursive: true});
  });

  it('are found by name and by image, and listed by name', () => {
    const [work, agents] = [
      {name: 'work', image: '/a/w.img'},
      {name: 'agents', image: '/a/a.img', mountPoint: '/home/u/.agents'},
    ] as const;
    expect(knownVaults()).to.deep.equal([]);
    expect([addKnownVault(work), addKnownVault(agents)]).to.deep.equal([true, true]);
    expect(knownVaults()).to.deep.equal([agents, work]);
    expect(knownVault('agents')).to.deep.equal(agents);
    expect(knownByImage('/a/w.img')).to.deep.equal(work);
    expect(knownByImage('/a/x.img')).to.equal(undefined);
  });

  it('keep their directory private', () => {
    addKnownVault({name: 'work', image: '/a/w.img'});
    expect(statSync(records()).mode & 0o777).to.equal(0o700);
  });

  it('keep their name: the same again is as before, another vault is refused and changes nothing', async () => {
    addKnownVault({name: 'work', image: '/a/w.img'});
    expect(addKnownVault({name: 'work', image: '/a/w.img'})).to.equal(false);
    for (const other of [{image: '/b.img'}, {image: '/a/w.img', mountPoint: '/home/u/w'}]) {
      const failure = await failureOf(() => addKnownVault({name: 'work', ...other}));
      expect(failure).to.include({code: 73, next: 'tazpod vault forget work'});
    }
    expect(knownVaults()).to.deep.equal([{name: 'work', image: '/a/w.img'}]);
  });

  it('are forgotten one by one', async () => {
    addKnownVault({name: 'work', image: '/a/w.img'});
    addKnownVault({name: 'agents', image: '/a/a.img'});
    forgetKnownVault('work');
    expect(knownVaults().map(({name}) => name)).to.deep.equal(['agents']);
    const failure = await failureOf(() => forgetKnownVault('work'));
    expect(failure).to.include({code: 66, why: 'The names are: agents.'});
  });

  it('have no name that a shell, a path or an option parser takes for something else', async () => {
    for (const name of ['', '-x', '.', '..', 'a/b', '../a', 'a b', 'a\n', '$x', 'ä', 'x'.repeat(65)]) {
      const act = () => addKnownVault({name, image: '/a.img'});
      expect((await failureOf(act)).code, JSON.stringify(name)).to.equal(64);
      expect((await failureOf(() => knownVault(name))).code, JSON.stringify(name)).to.equal(64);
      expect((await failureOf(() => forgetKnownVault(name))).code, JSON.stringify(name)).to.equal(64);
    }
    expect(existsSync(records()) ? readdirSync(records()) : []).to.deep.equal([]);
  });

  it('leave out what is no record, and say so; the name itself is an error', async () => {
    addKnownVault({name: 'work', image: '/a/w.img'});
    const texts = ['', '{', '[]', '{"image": "relative"}', '{"image": 1}', '{"image": "/a", "mount-point": "b"}'];
    for (const text of texts) {
      writeFileSync(join(records(), 'bad.json'), text);
      const remarks: string[] = [];
      expect(knownVaults((remark) => remarks.push(remark)).map(({name}) => name)).to.deep.equal(['work']);
      expect(remarks, text).to.have.length(1);
      expect(await failureOf(() => knownVault('bad'))).to.include({code: 78, next: 'tazpod vault forget bad'});
    }
    forgetKnownVault('bad');
    expect(readdirSync(records())).to.deep.equal(['work.json']);
  });

  it('are not believed where everybody could have written them', async () => {
    addKnownVault({name: 'work', image: '/a/w.img'});
    chmodSync(join(records(), 'work.json'), 0o666);
    expect(knownVaults()).to.deep.equal([]);
    expect((await failureOf(() => knownVault('work'))).code).to.equal(78);
    expect(readFileSync(join(records(), 'work.json'), 'utf8')).to.include('/a/w.img');
  });
});
