// Completion for the shells, where each looks for what packages bring. The same code as that of the shell plugins,
// which need not be installed for it.
import {readFileSync} from 'node:fs';
import {join} from 'node:path';
import {pathToFileURL} from 'node:url';
import {root} from '../setup.js';

/** Where bash-completion, zsh and fish look, below a `share` directory. Debian's zsh has a place for packages. */
const places = /** @type {Record<string, string>} */ ({
  bash: 'bash-completion/completions/tazpod',
  zsh: 'zsh/site-functions/_tazpod',
  fish: 'fish/vendor_completions.d/tazpod.fish',
});

const {typedCommands} = await import(pathToFileURL(join(root, 'build/shell/typed-commands.js')).href);
const {commands} = JSON.parse(readFileSync(join(root, 'oclif.manifest.json'), 'utf8'));
const typed = typedCommands(Object.values(commands));
const rendered = await Promise.all(
  Object.entries(places).map(async ([name, path]) => {
    const {default: shell} = await import(pathToFileURL(join(root, 'plugins', `tazpod-${name}`, 'dist/shell.js')).href);
    return /** @type {const} */ ([path, shell.renderCompletion(typed)]);
  }),
);

/** @returns {readonly (readonly [string, string])[]} path below `share` → the file's text */
export function completions() {
  return rendered;
}
