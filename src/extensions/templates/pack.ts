import type {NewPlugin, Template} from './package-files.ts';

/** A pack: the plugins of a team, and what holds where nobody says otherwise. */
export function packTemplate({packageName}: NewPlugin): Template {
  return {
    description: 'Everything that the team needs',
    contributions: {defaults: './team.yaml'},
    files: ['team.yaml'],
    compiled: false,
    oclif: {plugins: []},
    dependencies: {},
    usage: `\`tazpod plugins install ${packageName}\` is all that a new member of the team types.

It brings those of its \`dependencies\` in package.json that stand in \`oclif.plugins\`, too:

\`\`\`json
"dependencies": {"tazpod-bash": "^0.1.0"},
"oclif": {"plugins": ["tazpod-bash"]}
\`\`\``,
    texts: {
      'team.yaml': `# What holds where neither flag, environment, project nor user say otherwise; the form of config.yaml.
# size: 1G

# The plugins that may be used beside this pack and what it brings. Without a list: all.
# plugins:
#   allow:
#     - name: tazpod-bash
#       version: ^0.1.0
`,
      'test/package.test.js': `import assert from 'node:assert/strict';
import {existsSync, readFileSync} from 'node:fs';
import {test} from 'node:test';

const {dependencies, oclif, tazpod} = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));

test('what the pack brings is what it depends on', () => {
  for (const name of oclif.plugins) assert.ok(name in dependencies, name);
});

test('its defaults are there', () => {
  assert.ok(existsSync(new URL(\`../\${tazpod.defaults}\`, import.meta.url)));
});
`,
    },
  };
}
