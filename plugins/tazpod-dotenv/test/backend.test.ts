import {mkdtempSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {expect} from 'chai';
import type {BackendContext, BackendError, Folder} from 'tazpod/contract';
import backend from '../src/backend.ts';

const folder: Folder = {path: '/', recursive: false};

describe('The dotenv backend', () => {
  let project: string;

  beforeEach(() => {
    project = mkdtempSync(join(tmpdir(), 'tazpod-dotenv-'));
  });

  afterEach(() => rmSync(project, {recursive: true}));

  function context(settings: BackendContext['settings'] = {}): BackendContext {
    const {signal} = new AbortController();
    const environment = {HOME: project};
    // It keeps nothing in a store.
    return {
      name: 'env',
      settings,
      environment,
      projectFolder: project,
      store: {} as never,
      timeoutMs: 1000,
      signal,
      warn: () => {},
    };
  }

  const write = (name: string, text: string) => writeFileSync(join(project, name), text);

  async function failureOf(action: () => Promise<unknown>): Promise<BackendError['tazpod']> {
    try {
      await action();
    } catch (error) {
      return (error as BackendError).tazpod;
    }
    throw new Error('nothing failed');
  }

  it('reads all its files, of which the last one holds', async () => {
    write('.env', 'A=1\nB=2');
    write('.env.local', 'B=3');
    const answer = await backend.readFolder(context({files: ['.env', '.env.local']}), folder);
    if (answer.state !== 'read') throw new Error('not read');
    expect(answer.secrets.map(({name, value}) => `${name}=${Buffer.from(value).toString()}`)).to.deep.equal([
      'A=1',
      'B=3',
    ]);
  });

  it('does not read what has not changed, and keeps what was taken away', async () => {
    write('.env', 'A=1');
    const first = await backend.readFolder(context(), folder);
    const again = {...folder, validator: (first as {validator: string}).validator};
    expect(await backend.readFolder(context(), again)).to.deep.equal({state: 'unchanged'});
    rmSync(join(project, '.env'));
    expect(await backend.readFolder(context(), again)).to.deep.equal({state: 'unchanged'});
    expect((await failureOf(() => backend.readFolder(context(), folder))).kind).to.equal('not-found');
  });

  it('names a file for removal only if every value of it was pulled and is certain', async () => {
    const copies = async (pulled: Record<string, string>, settings: BackendContext['settings'] = {}) =>
      backend.clearCopies!(context(settings), [], (name, value) => pulled[name] === Buffer.from(value).toString());
    write('.env', 'A=1\nB=2');
    expect(await copies({A: '1'})).to.deep.equal([]);
    expect(await copies({A: '1', B: 'edited since'})).to.deep.equal([]);
    expect(await copies({A: '1', B: '2', C: '3'})).to.deep.equal([join(project, '.env')]);
    // The first value of a name that is there twice is nowhere else.
    write('.env', 'A=0\nA=1');
    expect(await copies({A: '1'})).to.deep.equal([]);
    write('.env', 'DB_PASSWORD=#hunter2');
    expect(await copies({DB_PASSWORD: ''})).to.deep.equal([]);
    expect(await copies({DB_PASSWORD: '#hunter2'})).to.deep.equal([]);
    write('.env', 'A=1');
    write('.env.local', 'A=2');
    const files = {files: ['.env', '.env.local']};
    expect(await copies({A: '2'}, files)).to.deep.equal([join(project, '.env.local')]);
  });

  it('stops at values that readers disagree about, and tells their lines and names, but no value', async () => {
    write('.env', 'A=1\nDB_PASSWORD=#hunter2\nURL=x?a&b\n');
    const told = await failureOf(() => backend.readFolder(context(), folder));
    expect(told.what).to.match(/^2 lines have a value that compose, dotenv, node, python, shell read differently/);
    expect(told.why).to.include('.env:2 DB_PASSWORD: there is a "#" outside of quotes');
    expect(told.why).to.include('.env:3 URL: ');
    expect(JSON.stringify(told)).not.to.include('hunter2').and.not.to.include('a&b');
    write('.env', 'URL=x?a&b\n');
    const readers = {readers: ['dotenv', 'node']};
    expect((await backend.readFolder(context(readers), folder)).state).to.equal('read');
  });

  it('needs no optional file, but says so if one is gone that was read before', async () => {
    const settings = {files: ['.env', {file: '.env.local', optional: true}]};
    write('.env', 'A=1');
    expect((await backend.readFolder(context(settings), folder)).state).to.equal('read');
    write('.env.local', 'B=2');
    const both = await backend.readFolder(context(settings), folder);
    rmSync(join(project, '.env.local'));
    const again = {...folder, validator: (both as {validator: string}).validator};
    const told = await failureOf(() => backend.readFolder(context(settings), again));
    expect(told.what).to.equal('There is no .env.local.');
    rmSync(join(project, '.env'));
    expect((await failureOf(() => backend.readFolder(context(settings), folder))).kind).to.equal('not-found');
  });

  it('tells a line that it cannot read, and nothing of what is in it', async () => {
    write('.env', 'A=1\nhunter2');
    const told = await failureOf(() => backend.readFolder(context(), folder));
    expect(told.what).to.equal('Line 2 of .env is not an assignment.');
    expect(JSON.stringify(told)).not.to.include('hunter2');
  });

  it('checks its settings, and asks for trust where it reads outside of the project', () => {
    expect(backend.checkSettings!({})).to.deep.equal([]);
    expect(backend.checkSettings!({files: [1], typo: 1})).to.have.length(2);
    expect(backend.checkSettings!({files: ['.env', {file: 'x', optional: true}], readers: ['node']})).to.deep.equal([]);
    for (const wrong of [{files: [{optional: true}]}, {files: [{file: 'x', typo: 1}]}, {readers: []}, {readers: ['x']}])
      expect(backend.checkSettings!(wrong), JSON.stringify(wrong)).to.have.length(1);
    expect(backend.needsTrust!({file: '.env'})).to.deep.equal([]);
    expect(backend.needsTrust!({files: ['a', '../b', '/c', '~/d']})).to.have.length(3);
  });
});
