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

  it('names a file for removal only if all of it was pulled', async () => {
    write('.env', 'A=1\nB=2');
    expect(await backend.clearCopies!(context(), ['A'])).to.deep.equal([]);
    expect(await backend.clearCopies!(context(), ['A', 'B', 'C'])).to.deep.equal([join(project, '.env')]);
  });

  it('tells a line that it cannot read, and nothing of what is in it', async () => {
    write('.env', 'A=1\nhunter2');
    const told = await failureOf(() => backend.readFolder(context(), folder));
    expect(told.what).to.equal('Line 2 of .env is no assignment.');
    expect(JSON.stringify(told)).not.to.include('hunter2');
  });

  it('checks its settings, and asks for trust where it reads outside of the project', () => {
    expect(backend.checkSettings!({})).to.deep.equal([]);
    expect(backend.checkSettings!({files: [1], typo: 1})).to.have.length(2);
    expect(backend.needsTrust!({file: '.env'})).to.deep.equal([]);
    expect(backend.needsTrust!({files: ['a', '../b', '/c', '~/d']})).to.have.length(3);
  });
});
