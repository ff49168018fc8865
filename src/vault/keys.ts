import {existsSync} from 'node:fs';
import {findOwnHome} from '../config/own-home.ts';
import {displaced} from '../lifecycle/failures.ts';
import type {GhostMessage, KeysAnswer, KeySlot} from '../lifecycle/message.ts';
import {type Isolation, type KeyChange, planVersion} from '../lifecycle/plan.ts';
import {keysNotChanged, noTerminalForPassphrase, noVaultAt, openWhileKeysChange} from './failures.ts';
import {standardTerminal} from '../kernel/terminal.ts';
import {askGhost} from './ghost-call.ts';
import type {Presentation} from './presentation.ts';
import {displacedVaultOf, vaultOf} from './running-vaults.ts';

/** The `result` of `vault key list --json`. */
export type KeyListResult = {readonly image: string; readonly keys: readonly KeySlot[]};

/** The `result` of the commands that change a key: which one, and the key slots as they are now. */
export type KeyChangeResult = {readonly image: string; readonly keys: readonly KeySlot[]; readonly changed: KeySlot};

/** Which vault is meant, and how the ghost is called. */
export type KeysRequest = {
  readonly image: string;
  /** Default `private`: a header is in the user's own file, and needs no privilege. */
  readonly isolation?: Isolation | undefined;
  readonly waitMs?: number;
};

/** What is known of the keys of a vault. It may be open. */
export async function listKeys(request: KeysRequest, presentation: Presentation): Promise<KeyListResult> {
  const {keys} = await askAboutKeys(request, {do: 'list'}, presentation);
  return {image: request.image, keys};
}

/** Changes a key of a vault that is locked. */
export async function changeKey(
  request: KeysRequest,
  change: Exclude<KeyChange, {do: 'list'}>,
  presentation: Presentation,
): Promise<KeyChangeResult> {
  const {image} = request;
  if (displacedVaultOf(image) !== undefined) throw displaced();
  if (vaultOf(image) !== undefined) throw openWhileKeysChange();
  const sources = [...('key' in change ? [change.key] : []), ...('newKey' in change ? [change.newKey] : [])];
  if (sources.some((source) => source.from === 'terminal') && standardTerminal() === undefined) {
    throw noTerminalForPassphrase();
  }
  const {keys, changed} = await askAboutKeys(request, change, presentation);
  if (changed === undefined) throw keysNotChanged();
  return {image, keys, changed};
}

async function askAboutKeys(
  {image, isolation = 'private', waitMs = 0}: KeysRequest,
  change: KeyChange,
  presentation: Presentation,
): Promise<KeysAnswer> {
  if (!existsSync(image)) throw noVaultAt(image);
  let answer: KeysAnswer | undefined;
  const listen = (message: GhostMessage) => {
    if (message.say === 'keys') answer = message;
  };
  const {home} = findOwnHome();
  const plan = {version: planVersion, operation: 'keys', image, home, change, waitMs} as const;
  await askGhost(plan, isolation, presentation, keysNotChanged, listen);
  if (answer === undefined) throw keysNotChanged();
  return answer;
}
