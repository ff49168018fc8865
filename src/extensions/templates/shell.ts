import type {NewPlugin, Template} from './package-files.ts';

/** A shell that understands the language of sh: functions for the latches, and the environment of the vault. */
export function shellTemplate({shortName}: NewPlugin): Template {
  return {
    description: `${shortName} inside the ghost: environment and latches`,
    contributions: {shells: {[shortName]: './dist/shell.js'}},
    files: ['dist'],
    compiled: true,
    usage: `\`\`\`sh
tazpod shell install ${shortName}
\`\`\``,
    texts: {
      'src/shell.ts': `import type {Shell} from 'tazpod/contract';

const shell: Shell = {
  contract: 1,

  startUpFile: ({home}) => \`\${home}/.${shortName}rc\`,

  renderSourceLine: (snippetPath) => \`[ -r \${quote(snippetPath)} ] && . \${quote(snippetPath)}\`,

  // What a shell runs at its start is definitions and files of the vault: no process.
  renderSnippet: ({tazpod, latches, environmentFolder}) =>
    [
      \`tazpod() { \${tazpod.map(quote).join(' ')} "$@"; }\`,
      'if [ "\${TAZPOD_GHOST_MODE-}" = true ]; then',
      \`  __tazpod_environment="$TAZPOD_VAULT"/\${quote(environmentFolder)}/environment.sh\`,
      '  [ -r "$__tazpod_environment" ] && . "$__tazpod_environment"',
      'else',
      // A function without a command is an error of syntax, so that "true" stands where there is no latch.
      '  true',
      ...latches.map(
        ({command, reason = 'it runs in the vault'}) =>
          \`  \${command}() { printf '%s\\\\n' \${quote(\`\${command}: \${reason}. Next: tazpod unlock\`)} >&2; return 77; }\`,
      ),
      'fi',
      '',
    ].join('\\n'),
};

export default shell;

/** A word of the shell, whatever is in it. */
function quote(word: string): string {
  return \`'\${word.replaceAll("'", "'\\\\''")}'\`;
}
`,
      'test/shell.test.js': `import assert from 'node:assert/strict';
import {spawnSync} from 'node:child_process';
import {test} from 'node:test';
import shell from '../dist/shell.js';

const snippet = shell.renderSnippet({
  tazpod: ['/bin/echo', "it's"],
  latches: [{command: 'agent', reason: "its memory isn't here"}],
  environmentFolder: '.tazpod/environment',
  commands: [],
});

const run = (script, env = {}) =>
  spawnSync('/bin/sh', ['-c', \`\${snippet}\\n\${script}\`], {encoding: 'utf8', env: {PATH: '/usr/bin:/bin', ...env}});

test('starts TazPod by its own words', () => {
  assert.equal(run('tazpod vault status').stdout, "it's vault status\\n");
});

test('keeps a latched command from running outside the vault, and not inside', () => {
  const {status, stderr} = run('agent');
  assert.equal(status, 77);
  assert.match(stderr, /agent: its memory isn't here/);
  assert.equal(run('agent', {TAZPOD_GHOST_MODE: 'true', TAZPOD_VAULT: '/'}).status, 127);
});
`,
    },
  };
}
