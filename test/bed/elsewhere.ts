import {spawnSync} from 'node:child_process';
import {truncateSync} from 'node:fs';
import {chownTo} from './ownership.ts';
import type {TestVault} from './vault.ts';

/** Runs a program of the system and refuses its failure. */
export function must(program: string, args: readonly string[], input: string | Buffer = ''): Buffer {
  const {status, stdout, stderr} = spawnSync(program, args, {input, env: {...process.env, LC_ALL: 'C'}});
  if (status !== 0) throw new Error(`${program} ${args.join(' ')}: ${stderr.toString()}`);
  return stdout;
}

/** Makes a file system of 32 MiB in the place of a vault's image, by mke2fs alone. */
export function mkfsElsewhere({image}: TestVault, words: readonly string[]): void {
  must('mke2fs', ['-q', '-t', 'ext4', '-b', '4096', ...words, image, '32M']);
}

/** Enciphers it in place, by cryptsetup alone: no engine of ours had it. */
export function encipherElsewhere(
  {image, owner, passphrase}: TestVault,
  options: readonly string[] = ['--pbkdf', 'pbkdf2', '--pbkdf-force-iterations', '1000'],
): void {
  truncateSync(image, 64 * 2 ** 20);
  must(
    'cryptsetup',
    [
      ...['reencrypt', '--batch-mode', '--encrypt', '--type', 'luks2', '--force-offline-reencrypt'],
      ...['--reduce-device-size', '32M', '--key-file', '-', ...options, image],
    ],
    passphrase,
  );
  chownTo(owner, image);
}
