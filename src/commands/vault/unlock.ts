import {existsSync} from 'node:fs';
import {Flags} from '@oclif/core';
import {withVariables} from '../../secrets/environment/session-words.ts';
import {markedShell} from '../../shell/marked-shell.ts';
import {SessionCommand} from '../../cli/session-command.ts';
import {shellEnvironment} from '../../shell/environment.ts';
import {alreadyInside} from '../../vault/failures.ts';
import {locateImage} from '../../vault/location.ts';
import type {SessionResult} from '../../vault/session.ts';
import {
  createFlags,
  imageFlags,
  joinFlags,
  keyFlags,
  openFlags,
  readOnlyFlags,
  shareFlags,
} from '../../cli/vault-flags.ts';
import {sessionShell} from '../../vault/users-shell.ts';

export default class Unlock extends SessionCommand {
  static override aliases = ['unlock'];
  static override description = [
    'Opens the vault and starts a shell that sees its files at the mount point. Everywhere else the mount ' +
      'point is an empty directory.',
    "The vault closes when the shell ends. The exit code is the shell's, or 79 if the vault was locked while " +
      'the shell was running.',
  ].join('\n\n');
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --image ~/team.img --mount-point ~/team',
    '<%= config.bin %> <%= command.id %> --create --size 1G',
    '<%= config.bin %> <%= command.id %> --read-only --image /media/usb/vault.img',
    {
      command: 'echo "ls ~/secrets" | <%= config.bin %> <%= command.id %> --passphrase-file FILE',
      description: 'Without a terminal, the shell reads its commands from standard input:',
    },
  ];
  static override flags = {
    ...imageFlags,
    ...keyFlags,
    ...openFlags,
    ...joinFlags,
    ...shareFlags,
    ...readOnlyFlags,
    ...createFlags,
    quiet: Flags.boolean({char: 'q', description: 'show no steps, no first line and no mark in the prompt'}),
    create: Flags.boolean({
      description: 'create the vault without asking if it does not exist',
      exclusive: ['read-only'],
    }),
  };
  static override summary = 'Open the vault in a private shell';

  async run(): Promise<SessionResult> {
    const {flags} = await this.parse(Unlock);
    const here = await this.inside(flags);
    if (here !== undefined) throw alreadyInside(here.image, here.mountPoint);
    const shell = sessionShell();
    const {image, ...settings} = await this.configured(flags, 'image', 'mount-point', 'engine', 'isolation', 'share');
    // A vault that is there has its size.
    const size = existsSync(locateImage(image)) ? {} : await this.configured({size: flags.size}, 'size');
    const typedAt = [process.stdin, process.stdout, process.stderr].every((stream) => stream.isTTY);
    const dressed = typedAt && !flags.quiet && !this.jsonEnabled();
    const command = withVariables(dressed ? markedShell(shell, shellEnvironment()) : [shell], 'all');
    return this.open({...settings, ...size, image}, {command, welcome: dressed}, this.presentation(flags, flags.quiet));
  }
}
