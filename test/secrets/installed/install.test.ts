import {spawnSync} from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import {join} from 'node:path';
import {expect} from 'chai';
import {compareSet} from '../../../src/secrets/installed/compare.ts';
import {readRecord} from '../../../src/secrets/installed/generations.ts';
import {install} from '../../../src/secrets/installed/install.ts';
import {failureOf} from '../../failure-of.ts';
import {earlier, later, setOf} from './sets.ts';
import {failingAt, fullFrom, Killed, killedAt} from './faulty-disk.ts';

describe('A pull as one transaction', () => {
  let vault: string;

  beforeEach(() => {
    // In memory: thousands of times something is synced here.
    vault = mkdtempSync('/dev/shm/tazpod-generations-');
  });

  afterEach(() => {
    for (const path of [vault, `${vault}-template`, `${vault}-outside`]) rmSync(path, {recursive: true, force: true});
  });

  const inVault = (path: string) => join(vault, path);

  /** What a program sees that opens files by their names: what cannot be opened is not there. */
  function seen(folder = vault): Record<string, string> {
    const found: Record<string, string> = {};
    const walk = (path: string) => {
      for (const entry of readdirSync(join(folder, path), {withFileTypes: true})) {
        const name = join(path, entry.name);
        if (name === '.tazpod') continue;
        if (entry.isDirectory()) walk(name);
        else if (existsSync(join(folder, name))) found[name] = readFileSync(join(folder, name), 'utf8');
      }
    };
    walk('');
    const environment = join(folder, '.tazpod/environment/environment.sh');
    if (existsSync(environment)) found['(environment)'] = readFileSync(environment, 'utf8');
    const record = join(folder, '.tazpod/pulled.json');
    if (existsSync(record)) found['(record)'] = readFileSync(record, 'utf8').replaceAll(/"(salt|digest)":"\w+"/g, '');
    return found;
  }

  const before = earlier;
  const after = later;

  it('brings files, folders, variables and a record, private to the user', () => {
    expect(install(vault, before)).to.deep.equal({changed: true, kept: []});
    expect(readFileSync(inVault('kube/config'), 'utf8')).to.equal('old kube');
    expect(statSync(inVault('kube/config')).mode & 0o777).to.equal(0o600);
    expect(statSync(inVault('kube')).mode & 0o777).to.equal(0o700);
    expect(readFileSync(inVault('.tazpod/environment/variables/A.sh'), 'utf8')).to.equal("export A='old'\n");
    expect(readRecord(vault)!.files.map(({path}) => path)).to.have.members(before.files.map(({path}) => path));
  });

  it('gives a file the mode that was asked for, with any umask', () => {
    const umask = process.umask(0o077);
    try {
      install(vault, setOf({shared: 'x'}, {}, 0o644));
    } finally {
      process.umask(umask);
    }
    expect(statSync(inVault('shared')).mode & 0o777).to.equal(0o644);
  });

  it('takes away what is no longer wanted, with the folders that were made for it and nothing else', () => {
    install(vault, before);
    writeFileSync(inVault('going/mine'), 'mine');
    install(vault, after);
    expect(existsSync(inVault('going/away'))).to.equal(false);
    expect(readFileSync(inVault('going/mine'), 'utf8')).to.equal('mine');
    expect(readdirSync(inVault('.tazpod/pulled')).sort()).to.deep.equal(['2', 'current']);
  });

  it('does nothing where nothing has changed, but for a link that was removed', () => {
    install(vault, before);
    expect(install(vault, before)).to.deep.equal({changed: false, kept: []});
    rmSync(inVault('token'));
    expect(install(vault, before).changed).to.equal(true);
    expect(readFileSync(inVault('token'), 'utf8')).to.equal('same');
  });

  it('links relatively, so that the vault may be mounted elsewhere', () => {
    install(vault, before);
    expect(readlinkSync(inVault('going/away/now'))).to.equal('../../.tazpod/pulled/current/files/going/away/now');
    const elsewhere = `${vault}-moved`;
    renameSync(vault, elsewhere);
    expect(readFileSync(join(elsewhere, 'kube/config'), 'utf8')).to.equal('old kube');
    renameSync(elsewhere, vault);
  });

  for (const [what, first, second] of [
    ['the first pull', undefined, before],
    ['a later pull', before, after],
    ['a pull that takes everything away', before, setOf({})],
  ] as const) {
    it(`shows the old or the new set, wherever ${what} is killed, and the next one leaves nothing of it`, () => {
      const template = `${vault}-template`;
      mkdirSync(template);
      if (first !== undefined) install(template, first);
      const old = seen(template);
      const whole = killedAt(-1);
      cpSync(template, vault, {recursive: true, verbatimSymlinks: true});
      install(vault, second, {operations: whole});
      const now = seen();
      const tidy = readdirSync(inVault('.tazpod/pulled')).length;
      expect(now).not.to.deep.equal(old);
      expect(whole.count()).to.be.greaterThan(20);

      const outcomes = new Set<string>();
      for (let point = 0; point < whole.count(); point++) {
        rmSync(vault, {recursive: true});
        cpSync(template, vault, {recursive: true, verbatimSymlinks: true});
        expect(() => install(vault, second, {operations: killedAt(point)}), String(point)).to.throw(Killed);
        const left = seen();
        const isNew = JSON.stringify(left) === JSON.stringify(now);
        outcomes.add(isNew ? 'new' : 'old');
        if (!isNew) expect(left, `killed at ${point}`).to.deep.equal(old);
        install(vault, second);
        expect(seen(), `after ${point}`).to.deep.equal(now);
        expect(readdirSync(inVault('.tazpod/pulled')).length, `swept after ${point}`).to.equal(tidy);
      }
      expect([...outcomes].sort()).to.deep.equal(['new', 'old']);
      rmSync(template, {recursive: true});
    });
  }

  it('shows the old or the new set after a real SIGKILL, at points all over a pull', function () {
    this.timeout(120_000);
    install(vault, before);
    const old = seen();
    const child = join(import.meta.dirname, '../../children/killed-install.ts');
    for (let point = 2; ; point += 9) {
      const {signal, status} = spawnSync(process.execPath, [child, vault, String(point)]);
      if (signal === null) {
        expect(status).to.equal(0);
        expect(point).to.be.greaterThan(50);
        break;
      }
      expect(signal).to.equal('SIGKILL');
      const left = seen();
      if (left['kube/config'] === 'old kube') expect(left, `killed at ${point}`).to.deep.equal(old);
      else {
        expect(Object.keys(left)).to.include.members(['ssh/keys/id', 'token']).and.not.include('going/away/now');
        expect(left['(environment)']).to.equal("export A='new'\nexport B='more'\n");
        install(vault, before);
      }
    }
  });

  it('leaves the old set and nothing else, wherever the vault gets full, and says so', async () => {
    install(vault, before);
    const [old, names] = [seen(), readdirSync(vault, {recursive: true}).sort()];
    for (let point = 0; point < 17; point++) {
      const failure = await failureOf(() => install(vault, after, {operations: fullFrom(point)}));
      expect(failure).to.include({code: 73, message: 'The vault is full.'});
      expect(seen(), `full from ${point}`).to.deep.equal(old);
      expect(readdirSync(vault, {recursive: true}).sort(), `full from ${point}`).to.deep.equal(names);
    }
  });

  it('shows the old or the new set, whichever operation fails, and can be repeated', () => {
    for (let point = 0; ; point++) {
      rmSync(vault, {recursive: true});
      mkdirSync(vault);
      install(vault, before);
      const old = seen();
      const disk = failingAt(point);
      try {
        install(vault, after, {operations: disk});
      } catch (error) {
        expect((error as NodeJS.ErrnoException).code).to.equal('EIO');
      }
      const left = seen();
      if (left['kube/config'] === 'old kube') expect(left, `failed at ${point}`).to.deep.equal(old);
      else
        expect(Object.keys(left), `failed at ${point}`).to.include.members(['ssh/keys/id', 'token', '(environment)']);
      install(vault, after);
      expect(seen()['kube/config']).to.equal('new kube');
      if (disk.count() <= point) break;
    }
  });

  it('never overwrites what the user has put there', async () => {
    install(vault, before);
    for (const put of [
      () => (mkdirSync(inVault('ssh')), writeFileSync(inVault('ssh/keys'), 'mine')),
      () => (mkdirSync(inVault('ssh/keys'), {recursive: true}), writeFileSync(inVault('ssh/keys/id'), 'mine')),
      () => mkdirSync(inVault('ssh/keys/id'), {recursive: true}),
      () => symlinkSync('/tmp', inVault('ssh')),
      () => (mkdirSync(inVault('ssh/keys'), {recursive: true}), symlinkSync('/nowhere', inVault('ssh/keys/id'))),
    ]) {
      put();
      for (const overwrite of [false, true]) {
        const failure = await failureOf(() => install(vault, after, {overwrite}));
        expect(failure.code).to.equal(73);
        expect(failure.message).to.match(/in the way: ssh/);
      }
      expect(readFileSync(inVault('kube/config'), 'utf8')).to.equal('old kube');
      rmSync(inVault('ssh'), {recursive: true});
    }
  });

  for (const [how, edit] of [
    ['through the link', (path: string) => writeFileSync(path, 'edited')],
    [
      'by an editor that renames',
      (path: string) => {
        writeFileSync(`${path}~`, 'edited');
        renameSync(`${path}~`, path);
      },
    ],
  ] as const) {
    it(`keeps a file that was edited ${how}, until the store has another one`, async () => {
      install(vault, before);
      edit(inVault('kube/config'));
      expect(install(vault, before)).to.deep.equal({changed: false, kept: ['kube/config']});
      const more = setOf({'kube/config': 'old kube', more: 'more'});
      expect(install(vault, more)).to.deep.equal({changed: true, kept: ['kube/config']});
      expect(readFileSync(inVault('kube/config'), 'utf8')).to.equal('edited');
      expect(compareSet(vault, more)).to.deep.include({
        ...compareSet(vault, more)[0]!,
        name: 'kube/config',
        change: 'edited here',
      });

      for (const next of [after, setOf({more: 'more'})]) {
        const failure = await failureOf(() => install(vault, next));
        expect(failure.message).to.equal('kube/config was changed here since it was pulled.');
        expect(readFileSync(inVault('kube/config'), 'utf8')).to.equal('edited');
      }
      install(vault, after, {overwrite: true});
      expect(readFileSync(inVault('kube/config'), 'utf8')).to.equal('new kube');
      expect(lstatSync(inVault('kube/config')).isSymbolicLink()).to.equal(true);
    });
  }

  it('compares without doing anything, and shows no value', () => {
    install(vault, before);
    const names = readdirSync(vault, {recursive: true});
    const differences = compareSet(vault, after);
    expect(differences.map(({kind, name, change}) => `${kind} ${name} ${change}`)).to.deep.equal([
      'file going/away/now removed',
      'file kube/config changed',
      'file ssh/keys/id added',
      'variable A changed',
      'variable B added',
      'variable GONE removed',
    ]);
    expect(differences[1]).to.include({oldSizeBytes: 8, newSizeBytes: 8});
    expect(JSON.stringify(differences)).not.to.match(/kube"?:|old kube|new kube/);
    expect(readdirSync(vault, {recursive: true})).to.deep.equal(names);
  });

  it('does not follow what a vault of somebody else has prepared', async () => {
    const outside = `${vault}-outside`;
    mkdirSync(outside);
    for (const prepare of [
      () => symlinkSync(outside, inVault('.tazpod')),
      () => (mkdirSync(inVault('.tazpod')), symlinkSync(outside, inVault('.tazpod/pulled'))),
    ]) {
      prepare();
      expect((await failureOf(() => install(vault, before))).code).to.equal(73);
      rmSync(inVault('.tazpod'), {recursive: true});
    }
    mkdirSync(inVault('.tazpod/pulled/1'), {recursive: true});
    symlinkSync('1', inVault('.tazpod/pulled/current'));
    const evil = {path: '../../etc/passwd', mode: 0o600, sizeBytes: 1, digest: 'x', secrets: []};
    const record = {
      version: 1,
      pulled: '2026-01-01',
      source: '/',
      salt: '0'.repeat(64),
      files: [evil],
      variables: [],
      folders: ['..'],
    };
    writeFileSync(inVault('.tazpod/pulled/1/pulled.json'), JSON.stringify(record));
    expect(readRecord(vault)).to.equal(undefined);
    install(vault, before);
    expect(readdirSync(outside)).to.deep.equal([]);
    rmSync(outside, {recursive: true});
  });

  it('removes generations that can no longer be written to', () => {
    install(vault, setOf({readonly: 'x'}, {}, 0o400));
    chmodSync(inVault('.tazpod/pulled/1/files/readonly'), 0o400);
    install(vault, setOf({readonly: 'y'}, {}, 0o400));
    expect(readFileSync(inVault('readonly'), 'utf8')).to.equal('y');
  });
});
