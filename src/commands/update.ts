import {mkdirSync} from 'node:fs';
import {Flags} from '@oclif/core';
import {BaseCommand} from '../cli/base-command.ts';
import {npm, type NpmFailure} from '../extensions/npm.ts';
import {notInRegistry} from '../update/failures.ts';
import {describeInstallation, type Installation} from '../update/installation.ts';
import {isNewer} from '../update/newer.ts';

/** The `result` of `update --json`. */
export type UpdateResult = {
  readonly version: string;
  readonly newest: string;
  readonly installed: Installation['kind'];
  /** True when TazPod has updated itself. */
  readonly updated: boolean;
  /** The command that updates it, where it cannot do that itself or was not to. */
  readonly command?: string;
};

/** Says what npm's answer means here. */
function explainTo(repository: string): (failure: NpmFailure) => never {
  return (failure) => {
    if (failure.npmCode !== 'E404') throw failure;
    throw notInRegistry(repository, failure);
  };
}

export default class Update extends BaseCommand<UpdateResult> {
  static override description = [
    'Updates TazPod, or prints the command that does.',
    'If npm installed TazPod for you alone, it updates itself. If it belongs to root (a .deb, a tarball, a ' +
      'global install of root), it prints the command to paste, because it never runs an installer as root. The registry ' +
      'is that of plugins.registry in config.yaml, or npm’s own.',
  ].join('\n\n');
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --check --json',
  ];
  static override flags = {
    check: Flags.boolean({description: 'compare versions and change nothing'}),
  };
  static override summary = 'Update TazPod';

  async run(): Promise<UpdateResult> {
    const {flags} = await this.parse(Update);
    const {version, cacheDir, root, npmRegistry} = this.config;
    const {'plugins.registry': configured} = await this.configured({}, 'plugins.registry');
    const registry = npmRegistry ?? configured;
    mkdirSync(cacheDir, {recursive: true, mode: 0o700});
    const repository = String(this.config.pjson['homepage']).replace(/#.*/, '');
    const newest = String(
      await npm(['view', 'tazpod', 'version'], {folder: cacheDir, registry}).catch(explainTo(repository)),
    );
    const {kind, command, npmPrefix} = describeInstallation(root, newest, repository);
    const known = {version, newest, installed: kind};
    if (!(await isNewer(newest, version))) {
      this.log(`TazPod ${version} is the newest version.`);
      return {...known, updated: false};
    }
    if (flags.check || npmPrefix === undefined) {
      this.log(`TazPod ${newest} is available; this is ${version}.\n  Next: ${command}`);
      return {...known, updated: false, command};
    }
    process.stderr.write(`Installing TazPod ${newest}…\n`);
    await npm(['install', `tazpod@${newest}`], {folder: npmPrefix, registry, global: true});
    this.log(`Updated TazPod from ${version} to ${newest}.`);
    return {...known, updated: true};
  }
}
