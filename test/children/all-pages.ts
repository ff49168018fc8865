// Prints every help page as JSON, by the command's name. oclif asks OCLIF_COLUMNS once, when it is loaded.
import {Config} from '@oclif/core';
import {root} from '../../scripts/setup.js';
import TazpodHelp from '../../src/help/help.ts';

const pages: Record<string, string> = {};
let page = '';

class Collected extends TazpodHelp {
  protected override log(...lines: string[]): void {
    page += `${lines.join('\n')}\n`;
  }
}

const config = await Config.load({root, userPlugins: false, devPlugins: false});
const names = ['', ...config.commands.map(({id}) => id), ...config.topics.map(({name}) => name)];
for (const name of names) {
  page = '';
  await new Collected(config).showHelp(name === '' ? [] : name.split(':'));
  pages[name.replaceAll(':', ' ')] = page;
}
process.stdout.write(JSON.stringify(pages));
