import {fchmodSync, readSync} from 'node:fs';
import {run} from '../../kernel/program.ts';
import type {BridgePlan} from '../../lifecycle/plan.ts';
import {Directory} from '../directory.ts';
import {moveIn, type Moved} from './move-in.ts';
import {Obstacle} from './tree.ts';

/** What `bridges.ts` asks for, on one line of standard input. */
export type BridgeOrder = {
  readonly home: string;
  readonly mountPoint: string;
  readonly bridges: readonly BridgePlan[];
};

/** What became of one bridge. The answer, on one line of standard output, has one for each, in their order. */
export type BridgeReport =
  /** Both ends are there, opened as `homeFd` and `vaultFd` of this process, and outside is nothing. */
  | {
      readonly state: 'ready';
      readonly homeFd: number;
      readonly vaultFd: number;
      readonly moved: readonly Moved[];
      /** Names that are still outside although they were to be moved. */
      readonly remaining: number;
    }
  /** What lies outside cannot be moved: everything is as it was. */
  | {readonly state: 'left out'; readonly path: string; readonly why: string}
  /** An end cannot be made or opened. */
  | {readonly state: 'refused'; readonly end: 'home' | 'vault'; readonly code: string};

/**
 * Makes the ends of bridges where they are missing, and moves into the vault what lies outside.
 *
 * It runs with the ids of the caller and without a capability: nothing that it could be tricked into is more than the
 * caller could do. And it runs where no other process of the caller's can look into it (`runAsCaller`), because the
 * vault is mounted in its namespace.
 */
async function work(): Promise<void> {
  const {home, mountPoint, bridges} = JSON.parse(readLine()) as BridgeOrder;
  const reports: BridgeReport[] = [];
  for (const bridge of bridges) reports.push(await prepare(home, mountPoint, bridge));
  process.stdout.write(`${JSON.stringify(reports)}\n`);
  // The descriptors are there until the process that has asked is done with them.
  process.stdin.resume();
}

async function prepare(home: string, mountPoint: string, bridge: BridgePlan): Promise<BridgeReport> {
  const homeEnd = open(home, bridge.home);
  if (!(homeEnd instanceof Directory)) return {state: 'refused', end: 'home', code: homeEnd};
  const vaultEnd = open(mountPoint, bridge.vault);
  // The vault is open read-only.
  if (vaultEnd === 'EROFS') return {state: 'left out', path: '', why: `${readOnly}, and has no such directory yet`};
  if (!(vaultEnd instanceof Directory)) return {state: 'refused', end: 'vault', code: vaultEnd};
  try {
    fchmodSync(homeEnd.fd, 0o700);
    const vault = Directory.open(mountPoint);
    const moved = await moveIn(homeEnd, vault, bridge, () => syncVault(mountPoint));
    vault.close();
    // The place may have been given to what was moved in: another directory of the same name.
    vaultEnd.close();
    const place = open(mountPoint, bridge.vault);
    if (!(place instanceof Directory)) return {state: 'refused', end: 'vault', code: place};
    const remaining = homeEnd.names().length;
    return {state: 'ready', homeFd: homeEnd.fd, vaultFd: place.fd, moved, remaining};
  } catch (error) {
    if (error instanceof Obstacle) return {state: 'left out', path: error.path, why: error.why};
    const code = (error as NodeJS.ErrnoException).code ?? 'an error';
    const why = code === 'EROFS' ? `${readOnly}, and nothing can be moved into it` : `the kernel returned ${code}`;
    return {state: 'left out', path: '', why};
  }
}

const readOnly = 'the vault is open read-only';

async function syncVault(mountPoint: string): Promise<void> {
  const {code} = await run('sync', ['--file-system', mountPoint]);
  if (code !== 0) throw new Obstacle('', 'the vault could not be written out');
}

/** The directory, made where it is missing, or the kernel's name of the error. Foreign ones are `EPERM`. */
function open(above: string, path: string): Directory | string {
  try {
    const from = Directory.open(above);
    try {
      const directory = from.make(path);
      if (Number(directory.stat().uid) === process.getuid!()) return directory;
      directory.close();
      return 'EPERM';
    } finally {
      from.close();
    }
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? 'an error';
  }
}

function readLine(): string {
  const bytes: Buffer[] = [];
  for (const chunk = Buffer.alloc(65_536); ;) {
    const count = readSync(0, chunk, 0, chunk.length, null);
    bytes.push(Buffer.from(chunk.subarray(0, count)));
    if (count === 0 || chunk.subarray(0, count).includes('\n')) return Buffer.concat(bytes).toString('utf8');
  }
}

await work();
