import type {NewPlugin, Template} from './package-files.ts';

/** A latch and the bridge that goes with it: data, no code. */
export function latchTemplate({shortName}: NewPlugin): Template {
  return {
    description: `${shortName} runs inside the vault only, and its memory lives there`,
    contributions: {
      latches: [{command: shortName, reason: 'its memory lives in the vault'}],
      bridges: [{home: `.${shortName}`, vault: `.${shortName}`}],
    },
    files: [],
    compiled: false,
    usage: `Outside the vault, \`${shortName}\` prints an explanation instead of running; inside, it runs, and \`~/.${shortName}\` is the
vault’s. A latch is a convenience, not a security boundary: the files do not exist outside.`,
    texts: {
      'test/package.test.js': `import assert from 'node:assert/strict';
import {readFileSync} from 'node:fs';
import {test} from 'node:test';

const {tazpod} = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));

test('what the latched command writes has its place in the vault', () => {
  assert.deepEqual(tazpod.latches.map(({command}) => command), ['${shortName}']);
  for (const {home, vault} of tazpod.bridges) {
    for (const path of [home, vault]) assert.doesNotMatch(path, /^\\/|(^|\\/)\\.\\.?(\\/|$)/);
  }
});
`,
    },
  };
}
