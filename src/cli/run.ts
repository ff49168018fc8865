import {execute, settings} from '@oclif/core';
import {pluginOptions} from '../extensions/start.ts';
import {packageFile} from '../lifecycle/own-files.ts';

/** Runs the command that the words name; without words, `tazpod` does the obvious next thing, and `__entry` knows which. */
export async function runCli(words: readonly string[]): Promise<void> {
  // Only what was built is run, whatever NODE_ENV says: oclif would look for a transpiler otherwise.
  settings.enableAutoTranspile = false;
  await execute({
    args: words.length > 0 ? [...words] : ['__entry'],
    loadOptions: await pluginOptions({root: packageFile('bin/run.js')}, words),
  });
}
