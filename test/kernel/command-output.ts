import {spawnSync} from 'node:child_process';

/** What a program of this machine prints; throws when it fails. */
export function commandOutput(command: string, ...args: string[]): string {
  const {error, status, stdout, stderr} = spawnSync(command, args, {encoding: 'utf8'});
  if (error !== undefined) throw error;
  if (status !== 0) throw new Error(`${command} failed: ${stderr}`);
  return stdout.trim();
}
