import {randomBytes} from 'node:crypto';
import {rmSync, statSync, symlinkSync, utimesSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {expect} from 'chai';
import type {BackendContext} from 'tazpod/contract';
import backend from '../src/backend.ts';
import {contextOf as quietContextOf, makeStore, secretsOf, type Store, troubleOf, valuesOf} from './bed.ts';

const everything = {path: '/', recursive: true};

describe('A folder of pass', () => {
  let store: Store;
  const warnings: string[] = [];
  const contextOf = (of: Store, settings: BackendContext['settings'] = {}): BackendContext => ({
    ...quietContextOf(of, settings),
    warn: (text) => warnings.push(text),
  });
  beforeEach(() => {
    warnings.length = 0;
  });

  before(() => {
    store = makeStore();
    warnings.length = 0;
    store.pass(['insert', '--echo', 'API_TOKEN'], 'one line\n');
    store.pass(['insert', '--multiline', 'clients/kube'], 'apiVersion: v1\nkind: Config\n');
    store.pass(['insert', '--multiline', 'clients/deep/key'], 'no newline');
    store.pass(['insert', '--multiline', 'clients/account'], 'the password\nuser: me\n');
  });
  after(() => store.remove());

  it('is read with or without the folders below', async () => {
    expect(valuesOf(await backend.readFolder(contextOf(store), {path: '/', recursive: false}))).to.deep.equal({
      '/API_TOKEN': 'one line',
    });
    expect(valuesOf(await backend.readFolder(contextOf(store), {path: '/clients/', recursive: false}))).to.deep.equal({
      '/clients/account': 'the password',
      '/clients/kube': 'apiVersion: v1',
    });
    expect(warnings[0]).to.match(/^TazPod uses only the first line of "clients\/account", "clients\/kube"/);
    expect(Object.keys(valuesOf(await backend.readFolder(contextOf(store), everything)))).to.deep.equal([
      '/API_TOKEN',
      '/clients/account',
      '/clients/deep/key',
      '/clients/kube',
    ]);
  });

  it('gives first lines, or whole files with the newline at their end, as the settings say', async () => {
    const lines = await backend.readFolder(contextOf(store, {content: 'first-line'}), everything);
    expect(valuesOf(lines)).to.include({
      '/API_TOKEN': 'one line',
      '/clients/account': 'the password',
      '/clients/deep/key': 'no newline',
    });
    // A user who has said what is meant needs no warning, and one entry may differ from the settings.
    expect(warnings).to.deep.equal([]);
    const one = {path: '/clients', recursive: false, names: ['account'], content: 'file'};
    expect(valuesOf(await backend.readFolder(contextOf(store, {content: 'first-line'}), one))).to.deep.equal({
      '/clients/account': 'the password\nuser: me\n',
    });
    const files = await backend.readFolder(contextOf(store, {content: 'file'}), everything);
    expect(valuesOf(files)).to.include({'/API_TOKEN': 'one line\n', '/clients/deep/key': 'no newline'});
  });

  it('has only the files decrypted whose names are wanted', async () => {
    const broken = join(store.folder, 'broken.gpg');
    writeFileSync(broken, 'nothing of gpg');
    try {
      const wanted = {...everything, names: ['key', 'API_TOKEN', 'not there']};
      expect(valuesOf(await backend.readFolder(contextOf(store), wanted))).to.deep.equal({
        '/API_TOKEN': 'one line',
        '/clients/deep/key': 'no newline',
      });
    } finally {
      rmSync(broken);
    }
  });

  it('is not decrypted again when no file has changed', async () => {
    const folder = {path: '/clients', recursive: true};
    const first = await backend.readFolder(contextOf(store), folder);
    const validator = first.state === 'read' ? first.validator! : '';
    const {PATH: _, ...withoutPass} = store.environment;
    const nowhere = {...contextOf(store), environment: {...withoutPass, PATH: '/nowhere'}};
    expect(await backend.readFolder(nowhere, {...folder, validator})).to.deep.equal({state: 'unchanged'});
    const otherwise = await backend.readFolder(contextOf(store, {content: 'file'}), {...folder, validator});
    expect(otherwise.state).to.equal('read');
    store.pass(['insert', '--multiline', '--force', 'clients/deep/key'], 'no newline');
    expect((await backend.readFolder(contextOf(store), {...folder, validator})).state).to.equal('read');
  });

  it('is decrypted again when a file has changed although its size and time have not', async () => {
    store.pass(['insert', '--multiline', 'changed/key'], 'before');
    const file = join(store.folder, 'changed/key.gpg');
    const folder = {path: '/changed', recursive: false};
    const first = await backend.readFolder(contextOf(store), folder);
    const {atime, mtime, size} = statSync(file);
    writeFileSync(file, Buffer.alloc(size));
    utimesSync(file, atime, mtime);
    const validator = first.state === 'read' ? first.validator! : '';
    const trouble = await troubleOf(backend.readFolder(contextOf(store), {...folder, validator}));
    expect(trouble.what).to.match(/is not encrypted with gpg/);
    rmSync(file);
  });

  it('gives bytes as they are', async () => {
    const value = randomBytes(70_000);
    store.pass(['insert', '--multiline', 'bytes/any'], value);
    store.pass(['insert', '--multiline', 'bytes/none'], '');
    const secrets = secretsOf(
      await backend.readFolder(contextOf(store, {content: 'file'}), {path: '/bytes', recursive: false}),
    );
    expect(Buffer.from(secrets[0]!.value).equals(value)).to.equal(true);
    expect(secrets[1]!.value).to.have.lengthOf(0);
  });

  it('may have names that look like options, commands and other folders', async () => {
    const names = ['--clip', '-c', '$(touch x)', 'a b', "it's", 'a\nb', '*', 'ключ', '…', '%2e%2e'];
    for (const name of names) store.pass(['insert', '--multiline', '--', `odd/${name}`], `value of ${name}`);
    store.pass(['insert', '--multiline', '--', '-n/-e'], 'a folder too');
    const secrets = secretsOf(
      await backend.readFolder(contextOf(store, {content: 'auto'}), {path: '/odd', recursive: false}),
    );
    expect(secrets.map(({name}) => name)).to.have.members(names);
    for (const {name, value} of secrets) expect(Buffer.from(value).toString()).to.equal(`value of ${name}`);
    const folder = await backend.readFolder(contextOf(store), {path: '/-n', recursive: false});
    expect(valuesOf(folder)).to.deep.equal({'/-n/-e': 'a folder too'});
  });

  it('never lies outside of the store', async () => {
    for (const path of ['/..', '/clients/../..', '/clients/.', '/a\0b']) {
      expect((await troubleOf(backend.readFolder(contextOf(store), {path, recursive: false}))).kind).to.equal(
        'settings',
      );
    }
    const link = join(store.folder, 'linked');
    symlinkSync('/etc', link);
    expect(valuesOf(await backend.readFolder(contextOf(store), {...everything, names: ['passwd']}))).to.deep.equal({});
    expect(warnings.join()).to.include('"linked" is a link out of the password store');
    rmSync(link);
  });

  it('has the folders that links within the store lead to, and no circle is without end', async () => {
    const links = [
      ['clients/deep', 'linked'],
      ['.', 'clients/up'],
    ] as const;
    for (const [target, link] of links) symlinkSync(join(store.folder, target), join(store.folder, link));
    const wanted = {...everything, names: ['key']};
    expect(valuesOf(await backend.readFolder(contextOf(store), wanted))).to.deep.equal({
      '/clients/deep/key': 'no newline',
      '/linked/key': 'no newline',
    });
    for (const [, link] of links) rmSync(join(store.folder, link));
  });

  it('need not decrypt what is excluded, and may do without what it cannot decrypt if it is optional', async () => {
    const broken = join(store.folder, 'clients/broken.gpg');
    writeFileSync(broken, 'nothing of gpg');
    const folder = {path: '/clients', recursive: false};
    expect((await troubleOf(backend.readFolder(contextOf(store), folder))).what).to.match(/is not encrypted with gpg/);
    const excluding = {...folder, isExcluded: ({name}: {name: string}) => name === 'broken'};
    expect(Object.keys(valuesOf(await backend.readFolder(contextOf(store), excluding)))).to.have.length(2);
    warnings.length = 0;
    const answer = await backend.readFolder(contextOf(store, {content: 'file'}), {...folder, optional: true});
    expect(Object.keys(valuesOf(answer))).to.deep.equal(['/clients/account', '/clients/kube']);
    // It is tried again: without a validator nothing can be called unchanged.
    expect(answer).not.to.have.property('validator');
    expect(warnings).to.deep.equal(['The file of "clients/broken" is not encrypted with gpg. It is skipped.']);
    rmSync(broken);
  });
});
