import {exitCode} from '../../lifecycle/exit-code.ts';
import {Failure} from '../../lifecycle/failure.ts';
import {SessionCommand} from '../../session-command.ts';
import {openOrCreate, type SessionResult} from '../../vault/session.ts';
import {imageFlags, joinFlags, keyFlags, openFlags} from '../../vault/vault-flags.ts';

export default class Exec extends SessionCommand {
  static override aliases = ['exec'];
  static override description = [
    'Opens the vault for one command, and closes it when the command ends.',
    "Standard input, output, error and signals are the command's, and so is the exit code.",
  ].join('\n\n');
  static override examples = [
    '<%= config.bin %> <%= command.id %> -- kubectl --kubeconfig ~/secrets/kube/config get pods',
    '<%= config.bin %> <%= command.id %> --passphrase-file FILE -- tar -c -C ~/secrets . | wc -c',
  ];
  static override flags = {...imageFlags, ...keyFlags, ...openFlags, ...joinFlags};
  static override strict = false;
  static override summary = 'Run one command in a ghost.';
  static override usage = '<%= command.id %> [FLAGS] -- COMMAND [ARGUMENTS]';

  async run(): Promise<SessionResult> {
    // Split here, because oclif's parser takes the last of several separators: `exec -- kubectl exec POD -- ls`.
    const words = this.argv;
    const separator = words.includes('--') ? words.indexOf('--') : words.length;
    const {argv, flags} = await this.parse(Exec, words.slice(0, separator));
    const command = [...(argv as string[]), ...words.slice(separator + 1)];
    if (command.length === 0 || command[0] === '' || command[0]!.includes('=')) {
      throw new Failure(exitCode.usage, 'There is no command to run.', {next: 'tazpod vault exec -- COMMAND'});
    }
    const settings = await this.configured(flags, 'image', 'mount-point', 'engine', 'isolation');
    return this.finish(await openOrCreate(settings, command, this.presentation(flags, true), await this.bridges()));
  }
}
