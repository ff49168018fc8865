import {type Command, Help} from '@oclif/core';
import {renderRoot} from './root.ts';

/** The help pages. oclif renders those of commands and topics; the first page is ours. */
export default class TazpodHelp extends Help {
  override async showHelp(argv: string[]): Promise<void> {
    try {
      await super.showHelp(argv);
    } catch (error) {
      if (!(error instanceof Error) || !/^Command .* not found\.$/.test(error.message)) throw error;
      const words = argv.filter((word) => word !== 'help' && !word.startsWith('-'));
      // It suggests the nearest command, and ends this process.
      await this.config.runHook('command_not_found', {id: words.join(':'), argv: []});
      throw error;
    }
  }

  protected override async showRootHelp(): Promise<void> {
    const commands = this.sortedCommands
      .filter(({id, aliases}) => !aliases.includes(id))
      // oclif's own plugin has a few more commands than anybody needs on the first page.
      .filter(({pluginName, pluginType}) => pluginType !== 'core' || pluginName === this.config.name)
      .map((command) => ({id: command.id, aliases: command.aliases, summary: this.summary(command) ?? ''}));
    this.log(renderRoot(commands, Math.min(this.opts.maxWidth, 100)));
  }

  /** The other names of a command, whichever of them was asked about, and --json in our words. */
  protected override formatCommand(command: Command.Loadable): string {
    const {id, aliases, flags} = command;
    const {json} = flags;
    const canonical = this.config.commands.find((each) => each.aliases.includes(id) && !each.aliases.includes(each.id));
    const names = [...(canonical === undefined ? [] : [canonical.id]), ...aliases];
    return super.formatCommand({
      ...command,
      aliases: names.filter((name) => name !== id),
      flags: json === undefined ? flags : {...flags, json: {...json, description: 'print JSON for programs'}},
    });
  }
}
