import {chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {expect} from 'chai';
import type {BackendContext, BackendError, Folder} from 'tazpod/contract';
import backend from '../src/backend.ts';

const folder: Folder = {environment: 'dev', path: '/app', recursive: true, names: ['A']};

describe('The exec backend', () => {
  let project: string;

  beforeEach(() => {
    project = mkdtempSync(join(tmpdir(), 'tazpod-exec-'));
  });

  afterEach(() => rmSync(project, {recursive: true}));

  function context(settings: BackendContext['settings'], timeoutMs = 20_000): BackendContext {
    const {signal} = new AbortController();
    const environment = {PATH: process.env['PATH'], MINE: 'yes'};
    // It keeps nothing in a store.
    return {
      name: 'mine',
      settings,
      environment,
      projectFolder: project,
      store: {} as never,
      timeoutMs,
      signal,
      warn: () => {},
    };
  }

  function script(body: string): BackendContext['settings'] {
    writeFileSync(join(project, 'store'), `#!/bin/sh\n${body}\n`);
    chmodSync(join(project, 'store'), 0o755);
    return {command: ['./store', 'an argument']};
  }

  const read = (settings: BackendContext['settings'], timeoutMs?: number) =>
    backend.readFolder(context(settings, timeoutMs), folder);

  async function failureOf(settings: BackendContext['settings'], timeoutMs?: number): Promise<BackendError['tazpod']> {
    try {
      await read(settings, timeoutMs);
    } catch (error) {
      return (error as BackendError).tazpod;
    }
    throw new Error('nothing failed');
  }

  it('asks in one line of JSON, in the folder and with the environment of the user', async () => {
    await read(script('cat > request; printf "%s %s" "$MINE" "$1" > seen; echo \'{"secrets": {}}\''));
    const request: unknown = JSON.parse(readFileSync(join(project, 'request'), 'utf8'));
    expect(request).to.deep.equal({version: 1, action: 'read', ...folder});
    expect(readFileSync(join(project, 'seen'), 'utf8')).to.equal('yes an argument');
  });

  it('takes an object of texts, and a list with bytes, folders and a validator', async () => {
    const short = await read(script(`echo '{"secrets": {"A": "1", "B": ""}}'`));
    expect(short).to.deep.equal({
      state: 'read',
      secrets: [
        {name: 'A', path: '/app', value: Buffer.from('1')},
        {name: 'B', path: '/app', value: Buffer.alloc(0)},
      ],
    });
    const long = await read(
      script(`echo '{"validator": "7", "secrets": [{"name": "A", "base64": "/wA=", "path": "/app/below"}]}'`),
    );
    expect(long).to.deep.equal({
      state: 'read',
      validator: '7',
      secrets: [{name: 'A', path: '/app/below', value: Buffer.from([0xff, 0])}],
    });
    expect(await read(script(`echo '{"unchanged": true}'`))).to.deep.equal({state: 'unchanged'});
  });

  it('passes on what the program says is wrong, with its next command', async () => {
    const error = {kind: 'not-logged-in', what: 'The session has ended.', next: 'store login'};
    expect(await failureOf(script(`echo '${JSON.stringify({error})}'; exit 1`))).to.deep.equal(error);
  });

  for (const [what, body, expected] of [
    ['ends with a code', 'echo secret; exit 3', /^The program of the backend mine ended with 3\.$/],
    ['prints no JSON', 'echo secret', /does not follow the protocol/],
    ['prints a list', 'echo "[]"', /does not follow the protocol/],
    ['gives a number', `echo '{"secrets": {"A": 1}}'`, /does not follow the protocol/],
    ['gives half a base64', `echo '{"secrets": [{"name": "A", "base64": "?secret"}]}'`, /does not follow the protocol/],
  ] as const) {
    it(`says so when the program ${what}, and repeats nothing of it`, async () => {
      const told = await failureOf(script(body));
      expect(told.what).to.match(expected);
      expect(JSON.stringify(told)).not.to.include('secret"').and.not.include('?secret');
    });
  }

  it('ends a program that does not answer, with all that it has started', async () => {
    const started = Date.now();
    const told = await failureOf(script('sleep 60 & sleep 60'), 300);
    expect(told.kind).to.equal('unreachable');
    expect(Date.now() - started).to.be.lessThan(20_000);
  });

  it('says why a program cannot be started', async () => {
    expect((await failureOf({command: './missing'})).why).to.match(/does not exist/);
    writeFileSync(join(project, 'plain'), '');
    expect((await failureOf({command: './plain'})).next).to.equal('chmod +x ./plain');
  });

  it('checks its settings, and says what it will run', () => {
    expect(backend.checkSettings!({command: 'store'})).to.deep.equal([]);
    for (const settings of [{}, {command: []}, {command: ['']}, {command: [1]}, {command: 'x', typo: 1}]) {
      expect(backend.checkSettings!(settings), JSON.stringify(settings)).to.have.length(1);
    }
    expect(backend.needsTrust!({command: ['./store', '-x']})).to.deep.equal(['runs the program ./store -x']);
  });

  it('works with the script of its README.md', async () => {
    const [, body = ''] =
      /```sh\n(#!\/bin\/sh\n[^]*?)```/.exec(readFileSync(new URL('../README.md', import.meta.url), 'utf8')) ?? [];
    writeFileSync(join(project, 'store'), body);
    chmodSync(join(project, 'store'), 0o755);
    writeFileSync(join(project, 'A'), 'a value\nof two lines');
    expect(body.trim().split('\n')).to.have.lengthOf.at.most(11);
    expect(await read({command: './store'})).to.deep.equal({
      state: 'read',
      secrets: [{name: 'A', path: '/app', value: Buffer.from('a value\nof two lines')}],
    });
  });
});
