import {BaseCommand} from '../../base-command.ts';
import {describeAge} from '../../secrets/age.ts';
import {count} from '../../secrets/count.ts';
import {summarizePulled} from '../../secrets/pull/summary.ts';
import {vaultHere} from '../../secrets/vault-here.ts';
import {defaultMountPoint, locateImage} from '../../vault/location.ts';
import {describeState} from '../../vault/describe.ts';
import {type PulledSummary, readVaultState, type VaultState} from '../../vault/state.ts';
import {strayNames} from '../../vault/stray-files.ts';
import {imageFlags} from '../../vault/vault-flags.ts';

export default class Status extends BaseCommand<VaultState> {
  static override aliases = ['status'];
  static override description = [
    'Says whether the vault is absent, locked or open, as the kernel knows it.',
    'No state file is asked. For an open vault it says which engine serves it, how the session is ' +
      'isolated, where it is mounted, since when, and which processes are in it; inside of its ghost also how old the pulled secrets are.',
  ].join('\n\n');
  static override examples = ['<%= config.bin %> <%= command.id %>', '<%= config.bin %> <%= command.id %> --json'];
  static override flags = {...imageFlags};
  static override summary = 'Show the state of the vault.';

  async run(): Promise<VaultState> {
    const {flags} = await this.parse(Status);
    // In a ghost its own vault is meant, wherever the working folder is.
    const here = vaultHere();
    const {image} = await this.configured({image: flags.image ?? here?.image}, 'image');
    const read = await readVaultState(locateImage(image));
    const inside = here !== undefined && here.image === read.image;
    const state: VaultState = {
      ...read,
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
