import {closeSync, constants, existsSync, openSync, readSync, statSync} from 'node:fs';
import {identifyFile} from '../kernel/file-identity.ts';
import {isLocked} from '../kernel/file-lock.ts';
import {type LoopDevice, loopDevicesOf} from '../kernel/loop.ts';
import {countShells, readOpenVaults, type RunningVault} from '../kernel/open-vaults.ts';
import {membersOfPidNamespace, startedAt} from '../kernel/process.ts';
import type {EngineId, Isolation} from '../lifecycle/plan.ts';
import type {BackupRecord} from './backup-record.ts';
import {knownByImage, knownVaults} from './known-vaults.ts';
import {displacedVaultOf, imageIdOf, vaultOf} from './running-vaults.ts';

/**
 * What the kernel says of a vault, the `result` of `vault status --json` and an element of that of `vault list --json`.
 */
export type VaultState = {
  /** The name that the user gave it with `vault add`. */
  readonly name?: string;
  readonly image: string;
  /**
   * `absent`: there is no image. `locked`: nobody holds it. `open`: a ghost has it mounted. `busy`: somebody holds it
   * that cannot be seen from here: it is being opened or closed, or open in another container. `leftover`: no ghost,
   * but something of one that is gone.
   */
  readonly state: 'absent' | 'locked' | 'open' | 'busy' | 'leftover';
  readonly sizeBytes?: number;
  readonly session?: SessionState;
  /**
   * What is at `image` now, if that is no longer the image of the open vault: it was moved, removed or replaced.
   * `copy` is a LUKS2 image with the same UUID, such as another state of the vault that a sync client has brought.
   */
  readonly replacedBy?: Replacement;
  /** The process that asks is inside of its ghost. Left out otherwise. */
  readonly inside?: true;
  /** What was pulled into it, for who asks in its ghost. */
  readonly pulled?: PulledSummary;
  /** What lies in the configured mount point outside the vault, unencrypted. */
  readonly stray?: {readonly mountPoint: string; readonly names: readonly string[]};
  /** The last backup that this user made of it on this machine, and that was compared with it. */
  readonly backup?: BackupRecord;
  /** What is left over, a sentence each, with the command that fixes it. */
  readonly leftovers?: readonly string[];
};

export type Replacement = 'nothing' | 'copy' | 'another-vault' | 'another-file';

/** What a pull has brought. */
export type PulledSummary = {
  readonly files: number;
  readonly variables: number;
  /** When it was last found to be what the stores have, ISO 8601. */
  readonly checked: string;
  readonly profile?: string;
};

/** An open vault. */
export type SessionState = {
  readonly uuid: string;
  readonly engine: EngineId;
  readonly fileSystem: 'ext4' | 'fuse2fs';
  readonly isolation: Isolation;
  readonly mountPoint: string;
  /** Nothing in it can be changed; left out otherwise. */
  readonly readOnly?: true;
  /** ISO 8601, to the second. */
  readonly since: string;
  /** How many shells or commands were started in it. */
  readonly shells: number;
  /** The disk refused to store something that the session wrote; left out otherwise. */
  readonly lostData?: true;
  /** Every process in the ghost, as seen from here, but its init. */
  readonly pids: readonly number[];
};

/** The state of one image, asked of the kernel. */
export async function readVaultState(image: string): Promise<VaultState> {
  return withName(await readState(image));
}

/**
 * Every vault of this user that is open now or has a name. Root sees everybody's that are open. What is wrong with a
 * record of a name is told to `remark`.
 */
export async function listVaults(remark: (text: string) => void): Promise<VaultState[]> {
  const open = listOpenVaults().map(withName);
  const others = knownVaults(remark).filter(({image}) => !open.some((vault) => vault.image === image));
  return [...open, ...(await Promise.all(others.map(({image}) => readVaultState(image))))];
}

function withName(state: VaultState): VaultState {
  const known = knownByImage(state.image);
  return known === undefined ? state : {name: known.name, ...state};
}

async function readState(image: string): Promise<VaultState> {
  const displaced = displacedVaultOf(image);
  if (displaced !== undefined) return stateOf(displaced);
  if (!existsSync(image)) return {image, state: 'absent'};
  const identity = identifyFile(image);
  const {size} = statSync(image);
  const vault = vaultOf(image);
  if (vault !== undefined) return {image, state: 'open', sizeBytes: size, session: sessionState(vault)};
  if (await isLocked(image)) return {image, state: 'busy', sizeBytes: size};
  const leftovers = (await loopDevicesOf(identity)).map(describeLoop);
  return leftovers.length === 0
    ? {image, state: 'locked', sizeBytes: size}
    : {image, state: 'leftover', sizeBytes: size, leftovers};
}

/** Every vault of this user that is open now. Root sees everybody's. */
export function listOpenVaults(uid = process.getuid!()): VaultState[] {
  return readOpenVaults()
    .filter((vault) => uid === 0 || vault.uid === uid)
    .map(stateOf);
}

/** An open vault, with what is at its path if that is no longer its image. */
function stateOf(vault: RunningVault): VaultState {
  const {image, imageId, uuid} = vault;
  return {
    image,
    state: 'open',
    ...(existsSync(image) ? {sizeBytes: statSync(image).size} : {}),
    session: sessionState(vault),
    ...(imageIdOf(image) === imageId ? {} : {replacedBy: replacementAt(image, uuid)}),
  };
}

function replacementAt(image: string, uuid: string): Replacement {
  const there = readLuksUuid(image);
  if (there === 'nothing' || there === 'another-file') return there;
  return there.uuid === uuid ? 'copy' : 'another-vault';
}

/** The LUKS2 specification, section 2.1: magic, version, and the UUID at byte 168. */
function readLuksUuid(path: string): {readonly uuid: string} | 'nothing' | 'another-file' {
  try {
    const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      const header = Buffer.alloc(208);
      readSync(fd, header, 0, header.length, 0);
      const isLuks2 =
        header.subarray(0, 6).equals(Buffer.from('LUKS\xba\xbe', 'latin1')) && header.readUInt16BE(6) === 2;
      return isLuks2 ? {uuid: header.toString('latin1', 168, 208).replace(/\0.*$/s, '')} : 'another-file';
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT' ? 'nothing' : 'another-file';
  }
}

function sessionState(vault: RunningVault): SessionState {
  const {uuid, engine, fileSystem, isolation, readOnly, mountPoint, init, lostData} = vault;
  return {
    uuid,
    engine,
    fileSystem,
    isolation,
    ...(readOnly ? {readOnly} : {}),
    mountPoint,
    // The kernel tells it to the second.
    since:
      startedAt(init)
        ?.toISOString()
        .replace(/\.\d+Z$/, 'Z') ?? '',
    ...(lostData ? {lostData} : {}),
    shells: countShells(vault),
    pids: membersOfPidNamespace(init.pid)
      .slice(1)
      .map((member) => member.pid),
  };
}

function describeLoop(device: LoopDevice): string {
  return `The loop device ${device.name} has the image attached, but no ghost uses it: sudo losetup --detach /dev/${device.name}`;
}
