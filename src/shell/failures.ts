import {dirname} from 'node:path';
import {exitCode} from '../foundation/exit-code.ts';
import {Failure} from '../foundation/failure.ts';

export function noShellName(name: string): Failure {
  return new Failure(exitCode.usage, `${JSON.stringify(name)} is not the name of a shell.`, {
    why: 'A shell is named by its program: bash, zsh, fish.',
    next: 'tazpod shell install bash',
  });
}

export function shellPluginUnusable(
  name: string,
  version: string,
  member: string,
  why: string,
  cause: unknown,
): Failure {
  return new Failure(exitCode.unavailable, `The plugin ${name} ${version} cannot be used.`, {
    why: `Its ${member} ${why}.`,
    next: 'tazpod plugins update',
    cause,
  });
}

export function notAFile(path: string): Failure {
  return new Failure(exitCode.config, `${path} is not a file.`, {next: `ls -ld ${path}`});
}

export function tooManyLinks(path: string): Failure {
  return new Failure(exitCode.config, `${path} leads through too many symbolic links.`, {next: `ls -l ${path}`});
}

export function fileUnchangeable(path: string, code: string, cause: unknown): Failure {
  return new Failure(exitCode.noPermission, `${path} cannot be changed.`, {
    why: `The kernel returned ${code}.`,
    next: `ls -ld ${dirname(path)} ${path}`,
    cause,
  });
}
