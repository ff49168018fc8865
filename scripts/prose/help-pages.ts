// The help page of every command, as a terminal of 80 columns shows it.
import {Config, loadHelpClass, settings} from '@oclif/core';

export type HelpPage = {readonly title: string; readonly text: string};

export async function helpPages(root: string): Promise<HelpPage[]> {
  process.env['OCLIF_COLUMNS'] = '80';
  process.env['NO_COLOR'] = '1';
  settings.enableAutoTranspile = false;
  const config = await Config.load({root, userPlugins: false});
  const Help = await loadHelpClass(config);
  const shown: string[] = [];
  const help = new Help(config, {stripAnsi: true});
  Object.assign(help, {log: (...words: string[]) => shown.push(words.join(' '))});
  const show = async (argv: string[]): Promise<string> => {
    shown.length = 0;
    await help.showHelp(argv);
    // The version, the machine and its Node are no words of ours.
    return shown
      .join('\n')
      .replace(/^VERSION\n.*\n\n/m, '')
      .trim();
  };

  // An alias is a command of its own to oclif, and has the page of what it stands for.
  const commands = config.commands
    .filter(({aliases, hidden, id}) => !hidden && !aliases.includes(id))
    .map(({id}) => id.replaceAll(':', ' '));
  const topics = config.topics.filter(({hidden}) => !hidden).map(({name}) => name.replaceAll(':', ' '));
  const pages = [{title: config.bin, text: await show([])}];
  for (const name of [...new Set([...topics, ...commands])].sort()) {
    pages.push({title: `${config.bin} ${name}`, text: await show([name.replaceAll(' ', ':')])});
  }
  return pages;
}
