import type {Config} from '@oclif/core';
import type {Configuration} from '../config/config.ts';
import {askMeanwhile, versionToAnnounce} from '../update/notice.ts';

/**
 * Announces a newer version, and asks for the newest one while the command runs. No command fails because of it.
 *
 * @returns what stops the asking
 */
export async function announceUpdate(config: Config, {values, variableFaults}: Configuration): Promise<() => void> {
  const unclear = ['update-notice', 'plugins.registry'].some((key) => variableFaults[key] !== undefined);
  if (unclear || values['update-notice'] === 'never') return () => {};
  const {cacheDir: folder, version, npmRegistry} = config;
  const registry = npmRegistry ?? values['plugins.registry'] ?? 'https://registry.npmjs.org/';
  const options = {folder, version, registry};
  const newer = await versionToAnnounce(options);
  if (newer !== undefined) {
    process.stderr.write(`TazPod ${newer} is available; this is ${version}.\n  Next: tazpod update\n`);
  }
  return askMeanwhile(options);
}
