import {Flags} from '@oclif/core';
import {enteredVariable} from '../../cli/base-command.ts';
import {SessionCommand} from '../../cli/session-command.ts';
import {becomeCommand, runMasked} from '../../secrets/session/exec-inside.ts';
import {type VariableChoice, withVariables} from '../../secrets/environment/session-words.ts';
import {noCommand, noVariableName} from '../../vault/failures.ts';
import type {SessionResult} from '../../vault/session.ts';
import {imageFlags, joinFlags, keyFlags, openFlags, readOnlyFlags, shareFlags} from '../../cli/vault-flags.ts';

export default class Exec extends SessionCommand {
  static override aliases = ['exec'];
  static override description = [
    'Opens the vault for one command, and closes it when the command ends.',
    "Standard input, output and error, signals and the exit code are the command's.",
  ].join('\n\n');
  static override examples = [
    '<%= config.bin %> <%= command.id %> -- kubectl --kubeconfig ~/secrets/kube/config get pods',
    '<%= config.bin %> <%= command.id %> --passphrase-file FILE -- tar -c -C ~/secrets . | wc -c',
  ];
  static override flags = {
    ...imageFlags,
    ...keyFlags,
    ...openFlags,
    ...joinFlags,
    ...shareFlags,
    ...readOnlyFlags,
    only: Flags.string({
      description: 'pass only these pulled variables to the command',
      helpValue: 'NAME,NAME',
    }),
    'without-env': Flags.boolean({description: 'pass no pulled variables to the command', exclusive: ['only']}),
    redact: Flags.boolean({description: 'mask every pulled value in the output'}),
  };
  static override strict = false;
  static override summary = 'Run one command in the vault';
  static override usage = '<%= command.id %> [FLAGS] -- COMMAND [ARGUMENTS]';

  async run(): Promise<SessionResult> {
    // Split here, because oclif's parser takes the last of several separators: `exec -- kubectl exec POD -- ls`.
    const words = this.argv;
    const separator = words.includes('--') ? words.indexOf('--') : words.length;
    const {argv, flags} = await this.parse(Exec, words.slice(0, separator));
    const command = [...(argv as string[]), ...words.slice(separator + 1)];
    if (command.length === 0 || command[0] === '' || command[0]!.includes('=')) throw noCommand();
    const choice: VariableChoice = flags['without-env']
      ? 'none'
      : flags.only === undefined
        ? 'all'
        : namesOf(flags.only);
    const here = await this.inside(flags);
    if (here !== undefined) {
      if (!flags.redact) becomeCommand(here.mountPoint, command, choice);
      const {image, mountPoint} = here;
      return this.finish({code: await runMasked(mountPoint, command, choice), image, mountPoint});
    }
    const settings = await this.configured(flags, 'image', 'mount-point', 'engine', 'isolation', 'share');
    // What is masked is known inside only, so this very command runs there again; the JSON answer is ours.
    const own = process.argv.slice(1, 2).concat(this.id ?? 'exec', ...(flags.redact ? redactWords(choice) : []), '--');
    const session = flags.redact
      ? ['/usr/bin/env', `${enteredVariable}=1`, process.execPath, ...own, ...command]
      : withVariables(command, choice);
    return this.open(settings, {command: session}, this.presentation(flags, true));
  }
}

function redactWords(choice: VariableChoice): string[] {
  const variables = choice === 'all' ? [] : choice === 'none' ? ['--without-env'] : ['--only', choice.join(',')];
  return ['--redact', ...variables];
}

function namesOf(list: string): string[] {
  const names = list.split(',').map((name) => name.trim());
  const wrong = names.find((name) => !/^[A-Za-z_][A-Za-z0-9_]*$/.test(name));
  if (wrong === undefined) return names;
  throw noVariableName(wrong);
}
