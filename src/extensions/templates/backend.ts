import type {NewPlugin, Template} from './package-files.ts';

/** A secret backend that takes what it gives from its settings: to be replaced by a store. */
export function backendTemplate({shortName}: NewPlugin): Template {
  return {
    description: `Secrets from ${shortName}`,
    contributions: {secretBackends: {[shortName]: './dist/backend.js'}},
    files: ['dist'],
    compiled: true,
    usage: `\`\`\`yaml
# secrets.yml
backends:
  mine:
    type: ${shortName}
    examples:
      TOKEN: not a secret
\`\`\``,
    texts: {
      'src/backend.ts': `import type {BackendError, SecretBackend} from 'tazpod/contract';

/** What secrets.yml may say for this backend. */
type Settings = {readonly examples?: Readonly<Record<string, string>>};

const backend: SecretBackend = {
  contract: 1,

  checkSettings(settings) {
    const {examples = {}} = settings as Settings;
    const wrong = Object.entries(examples).find(([, value]) => typeof value !== 'string');
    return wrong === undefined ? [] : [\`examples.\${wrong[0]} must be a string.\`];
  },

  async readFolder({settings}, folder) {
    const {examples} = settings as Settings;
    if (examples === undefined) {
      throw failure({kind: 'settings', what: 'There are no examples.', next: 'write some into secrets.yml'});
    }
    const secrets = Object.entries(examples)
      .filter(([name]) => folder.names === undefined || folder.names.includes(name))
      // Values are bytes. The core wipes them when it has written them.
      .map(([name, value]) => ({name, path: folder.path, value: Buffer.from(value)}));
    return {state: 'read', secrets};
  },
};

export default backend;

/** An error that the user can do something about. No text may have a secret in it. */
function failure(tazpod: BackendError['tazpod']): BackendError {
  return Object.assign(new Error(tazpod.what), {tazpod});
}
`,
      'test/backend.test.js': `import assert from 'node:assert/strict';
import {test} from 'node:test';
import backend from '../dist/backend.js';

const context = (settings) => ({
  name: 'mine',
  settings,
  environment: {},
  projectFolder: '/',
  store: {read: async () => undefined, write: async () => {}, remove: async () => {}},
  timeoutMs: 1000,
  signal: new AbortController().signal,
  warn: () => {},
});

test('gives the bytes that the settings have', async () => {
  const settings = {examples: {TOKEN: 'a b\\n', OTHER: ''}};
  const folder = {path: '/', recursive: false, names: ['TOKEN']};

  const answer = await backend.readFolder(context(settings), folder);

  assert.deepEqual(answer, {state: 'read', secrets: [{name: 'TOKEN', path: '/', value: Buffer.from('a b\\n')}]});
});

test('says what is wrong with settings', async () => {
  assert.deepEqual(backend.checkSettings({examples: {TOKEN: 1}}), ['examples.TOKEN must be a string.']);
  await assert.rejects(backend.readFolder(context({}), {path: '/', recursive: false}), {message: 'There are no examples.'});
});
`,
    },
  };
}
