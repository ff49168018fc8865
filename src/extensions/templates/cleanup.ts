import type {NewPlugin, Template} from './package-files.ts';

/** A cleanup strategy: the graceful end. */
export function cleanupTemplate({shortName}: NewPlugin): Template {
  return {
    description: `The cleanup strategy ${shortName}`,
    contributions: {cleanupStrategies: {[shortName]: './dist/strategy.js'}},
    files: ['dist'],
    compiled: true,
    usage: `\`\`\`sh
tazpod vault lock --strategy ${shortName}
\`\`\``,
    texts: {
      'src/strategy.ts': `import type {CleanupAction, CleanupStrategy} from 'tazpod/contract';

/**
 * From what the kernel shows of one vault to what is to be done, in that order. It does nothing itself, and TazPod
 * refuses every action on what is not this vault's.
 */
const strategy: CleanupStrategy = {
  contract: 1,
  plan: ({holders, mounts, mappings, loops}) => {
    const actions: CleanupAction[] = [];
    for (const {mountPoint, pid} of mounts) actions.push({do: 'sync', mountPoint, pid});
    for (const holder of holders) actions.push({do: 'signal', holder, signal: 'SIGTERM'});
    if (holders.length > 0) actions.push({do: 'wait', ms: 5000});
    for (const {mountPoint, pid} of mounts) actions.push({do: 'unmount', mountPoint, pid, lazy: false});
    for (const {name} of mappings) actions.push({do: 'close-mapping', name, deferred: false});
    for (const {name, autoclear} of loops) if (!autoclear) actions.push({do: 'detach-loop', name});
    return actions;
  },
};

export default strategy;
`,
      'test/strategy.test.js': `import assert from 'node:assert/strict';
import {test} from 'node:test';
import strategy from '../dist/strategy.js';

const nothing = {image: '/v.img', ghosts: [], holders: [], mounts: [], mappings: [], loops: []};

test('does nothing where nothing is left', () => {
  assert.deepEqual(strategy.plan(nothing), []);
});

test('syncs first, and closes what was under the mount after it', () => {
  const plan = strategy.plan({
    ...nothing,
    holders: [{pid: 7, startTicks: 1, command: 'vi'}],
    mounts: [{mountPoint: '/home/u/secrets', pid: 7, shared: false}],
    mappings: [{name: 'vault', openCount: 1, deferredRemove: false}],
  });
  assert.deepEqual(plan.map((action) => action.do), ['sync', 'signal', 'wait', 'unmount', 'close-mapping']);
});
`,
    },
  };
}
