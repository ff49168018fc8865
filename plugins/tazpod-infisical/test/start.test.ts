import {spawnSync} from 'node:child_process';
import {expect} from 'chai';

/** Prints the packages that are loaded when the backend checks its settings, and after it has been asked something. */
const program = `
import {registerHooks} from 'node:module';
const loaded = new Set();
registerHooks({
  resolve(name, context, next) {
    if (!/^(node:|file:|[./])/.test(name)) loaded.add(name);
    return next(name, context);
  },
});
const {default: backend} = await import(process.argv[1]);
backend.checkSettings({});
const before = [...loaded];
await backend
  .login(
    {
      settings: {project: 'p', url: 'http://127.0.0.1:9'},
      environment: {}, projectFolder: '/', timeoutMs: 2000, signal: new AbortController().signal,
    },
    {identity: 'id', secret: Buffer.from('secret')},
  )
  .catch(() => {});
console.log(JSON.stringify({before, after: [...loaded]}));
`;

describe('The backend of Infisical', () => {
  it('loads its SDK of 61 MB only when a server is asked something', () => {
    const backend = new URL('../src/backend.ts', import.meta.url).pathname;
    const {stdout, stderr} = spawnSync(process.execPath, ['--input-type=module', '--eval', program, backend], {
      encoding: 'utf8',
    });
    expect(stdout, stderr).not.to.equal('');
    const {before, after} = JSON.parse(stdout) as {before: string[]; after: string[]};
    expect(before).to.deep.equal([]);
    expect(after).to.include('@infisical/sdk');
  });
});
