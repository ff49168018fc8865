import {expect} from 'chai';
import {contributionsOf} from '../../src/extensions/contributions.ts';
import {loadModule} from '../../src/extensions/load.ts';
import {Failure} from '../../src/foundation/failure.ts';
import {makePlugin, removeFolders} from './plugin-folder.ts';

describe('the module of a plugin', () => {
  after(removeFolders);

  /** A plugin that brings a cleanup strategy, with this code. */
  const strategy = (code: string, name = 'tazpod-tidy') =>
    makePlugin({name, tazpod: {contract: 1, cleanupStrategies: {tidy: './strategy.js'}}}, {'strategy.js': code});

  const load = async (code: string) =>
    loadModule(await contributionsOf([strategy(code)]), 'cleanupStrategies', 'tidy', 300);

  const failureOf = async (loading: Promise<unknown>): Promise<Failure> => {
    try {
      await loading;
    } catch (error) {
      if (error instanceof Failure) return error;
      throw error;
    }
    throw new Error('nothing was thrown');
  };

  it('is loaded when it is used', async () => {
    const {plugin, module} = await load('export default {contract: 1, plan: () => []};');

    expect(plugin.name).to.equal('tazpod-tidy');
    expect(module.plan({image: '', ghosts: [], holders: [], mounts: [], mappings: [], loops: []})).to.be.empty;
  });

  const faults: [string, string, RegExp][] = [
    ['throws', 'throw new Error("top secret");', /threw an error/],
    ['throws what is no error', 'throw null;', /threw an error/],
    ['hangs', 'await new Promise(() => {});', /did not load within 0\.3 s/],
    ['is not JavaScript', 'nonsense nonsense', /is not JavaScript/],
    ['has no default export', 'export const plan = () => [];', /default export .* is not an object/],
    ['has another contract', 'export default {contract: 2, plan: () => []};', /does not declare "contract: 1"/],
    ['lacks a function', 'export default {contract: 1};', /has no function "plan"/],
    [
      'throws when its properties at',
      'export default {contract: 1, get plan() { throw 1; }};',
      /throws when its properties/,
    ],
  ];
  for (const [what, code, says] of faults) {
    it(`costs a message that names the plugin when it ${what}`, async () => {
      const failure = await failureOf(load(code));

      expect(failure.code).to.equal(69);
      expect(failure.message).to.include('tazpod-tidy 1.0.0').and.to.include('the cleanup strategy tidy');
      expect(failure.why).to.match(says);
      expect(JSON.stringify(failure)).not.to.include('secret');
    });
  }

  it('checks the functions that a backend need not have', async () => {
    const tazpod = {contract: 1, secretBackends: {store: './backend.js'}};
    const code = 'export default {contract: 1, readFolder() {}, login: true};';
    const found = await contributionsOf([makePlugin({name: 'tazpod-store', tazpod}, {'backend.js': code})]);

    expect((await failureOf(loadModule(found, 'secretBackends', 'store'))).why).to.match(/no function "login"/);
  });

  it('is not loaded when two plugins bring the name: the message names both, and how to choose', async () => {
    const code = 'process.exit(99);';
    const found = await contributionsOf([strategy(code, 'tazpod-one'), strategy(code, 'tazpod-two')]);

    const failure = await failureOf(loadModule(found, 'cleanupStrategies', 'tidy'));

    expect(failure.code).to.equal(78);
    expect(failure.why).to.match(/tazpod-one .* tazpod-two /);
    expect(failure.next).to.include('plugins.allow').and.to.include('plugins uninstall tazpod-two');
  });

  it('is missing with the name of the plugin that would bring it, and the command', async () => {
    const found = await contributionsOf([]);

    const backend = await failureOf(loadModule(found, 'secretBackends', 'infisical'));
    const smart = await failureOf(loadModule(found, 'cleanupStrategies', 'smart'));
    const odd = await failureOf(loadModule(found, 'shells', '$(reboot)'));

    expect(backend.code).to.equal(69);
    expect(backend.message).to.equal('No installed plugin provides the secret backend infisical.');
    expect(backend.next).to.equal('tazpod plugins install tazpod-infisical');
    expect(smart.next).to.equal('tazpod plugins install tazpod-smart-cleanup');
    expect(odd.next).to.equal('tazpod plugins');
  });
});
