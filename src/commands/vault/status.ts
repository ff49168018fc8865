import {describeAge} from '../../foundation/age.ts';
import {count} from '../../foundation/count.ts';
import {BaseCommand} from '../../cli/base-command.ts';
import {summarizePulled} from '../../secrets/installed/summary.ts';
import {backupOf} from '../../vault/backup-record.ts';
import {vaultHere} from '../../vault/inside.ts';
import {defaultMountPoint, locateImage} from '../../vault/location.ts';
import {describeState} from '../../cli/report/vault-state.ts';
import {type PulledSummary, readVaultState, type VaultState} from '../../vault/state.ts';
import {strayNames} from '../../vault/stray-files.ts';
import {imageFlags} from '../../cli/vault-flags.ts';

export default class Status extends BaseCommand<VaultState> {
  static override aliases = ['status'];
  static override description = [
    'Shows whether the vault is absent, locked or open. TazPod asks the kernel and keeps no state file.',
    'For an open vault, it shows the engine, the isolation of the session, the mount point, the start time, ' +
      'and the processes. Inside the ghost it also shows the age of the pulled secrets. If you have made a backup of the ' +
      'vault on this machine, it shows the age of the last one.',
  ].join('\n\n');
  static override examples = ['<%= config.bin %> <%= command.id %>', '<%= config.bin %> <%= command.id %> --json'];
  static override flags = {...imageFlags};
  static override summary = 'Show the state of the vault';

  async run(): Promise<VaultState> {
    const {flags} = await this.parse(Status);
    // In a ghost its own vault is meant, wherever the working folder is.
    const here = vaultHere();
    const {image} = await this.configured({image: flags.image ?? here?.image}, 'image');
    const read = await readVaultState(locateImage(image));
    const inside = here !== undefined && here.image === read.image;
    const state: VaultState = {
      ...read,
      ...backupOf(read.image),
      ...(inside ? {inside} : {}),
      ...(here === undefined ? await this.#stray() : {}),
    };
    const pulled = inside ? summarizePulled(here.mountPoint) : undefined;
    this.log([describeState(state, flags.image), ...(pulled === undefined ? [] : [describePulled(pulled)])].join('\n'));
    return {...state, ...(pulled === undefined ? {} : {pulled})};
  }

  /** What lies in the mount point outside. A configuration that is wrong must not keep anybody from the state. */
  async #stray(): Promise<Pick<VaultState, 'stray'>> {
    const configured = await this.configuration().catch(() => undefined);
    const mountPoint = configured?.values['mount-point'] ?? defaultMountPoint();
    const names = mountPoint === undefined ? [] : strayNames(mountPoint);
    return names.length === 0 ? {} : {stray: {mountPoint: mountPoint!, names}};
  }
}

function describePulled({files, variables, checked, profile}: PulledSummary): string {
  const of = profile === undefined ? '' : ` of the profile ${profile}`;
  return `${'pulled'.padEnd(12)} ${describeAge(new Date(checked))}: ${count(files, 'file')}, ${count(variables, 'variable')}${of}`;
}
