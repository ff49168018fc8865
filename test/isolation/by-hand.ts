import {mkdirSync, mkdtempSync, rmSync} from 'node:fs';
import {createServer} from 'node:net';
import {join} from 'node:path';
import {createInterface} from 'node:readline';
import {isObject} from '../../src/foundation/shape.ts';
import type {GhostMessage} from '../../src/lifecycle/message.ts';
import type {OpenPlan} from '../../src/lifecycle/plan.ts';
import {install} from '../bed/install.ts';
import {chownTo, writeAs} from '../bed/ownership.ts';
import {type Ended, type RunOptions, runAs} from '../bed/run.ts';
import type {BedUser} from '../bed/user.ts';
import type {TestVault} from '../bed/vault.ts';

/** How a call of the privileged entry ended, and all that it said. */
export type HandEnded = Ended & {
  readonly messages: readonly GhostMessage[];
  /** Everything that came out of it, anywhere. */
  readonly said: string;
};

export type HandOptions = RunOptions & {
  /** Arguments behind the plan's path, and behind that which chooses the program for it. */
  readonly further?: readonly string[];
  /** Words before the call of sudo: a shell that changes something and becomes the rest. */
  readonly through?: readonly string[];
  /** Puts the plan somewhere else, or something else in its place, and returns the path to be called with. */
  readonly place?: (folder: string, plan: Buffer) => string;
  /** Default: sudo and the entry. */
  readonly command?: readonly string[];
  /** False: nobody listens beside the plan. */
  readonly listen?: boolean;
};

/** Calls `sudo tazpod-ghost PLAN` as the user would by hand, with the test in the CLI's place. */
export async function callByHand(user: BedUser, plan: unknown, options: HandOptions = {}): Promise<HandEnded> {
  const folder = mkdtempSync(join(user.runtimeFolder, 'hand-'));
  chownTo(user, folder);
  const bytes = Buffer.isBuffer(plan) ? plan : Buffer.from(JSON.stringify(plan));
  const place = options.place ?? ((where, content) => writeAs(user, join(where, 'plan.json'), content));
  const path = place(folder, bytes);

  const messages: GhostMessage[] = [];
  const server = createServer((socket) => {
    socket.on('error', () => {});
    createInterface({input: socket}).on('line', (line) => {
      const message = JSON.parse(line) as GhostMessage;
      messages.push(message);
      if (message.say === 'terminal') socket.write('{"say":"clear"}\n');
    });
  });
  if (options.listen !== false) {
    const socket = join(folder, 'socket');
    await new Promise<void>((resolve) => void server.listen(socket, resolve));
    chownTo(user, socket);
  }
  const command = options.command ?? ['/usr/bin/sudo', '--non-interactive', '--', install().ghost];
  try {
    const words = [...(options.through ?? []), ...command, path, ...programFor(plan), ...(options.further ?? [])];
    const ended = await runAs(user, words, options);
    return {...ended, messages, said: `${ended.stdout}${ended.stderr}${JSON.stringify(messages)}`};
  } finally {
    server.close();
    rmSync(folder, {recursive: true, force: true});
  }
}

/** What the CLI puts behind a plan that opens nothing: the entry starts another program for it. */
function programFor(plan: unknown): string[] {
  const closes = isObject(plan) && ['lock', 'observe', 'clean'].includes(plan['operation'] as string);
  return closes ? ['--cleaning'] : [];
}

/** Makes the mount point of a vault, as the CLI does before it calls. */
export function makeMountPoint({owner, mountPoint}: TestVault): void {
  mkdirSync(mountPoint, {recursive: true, mode: 0o700});
  chownTo(owner, mountPoint);
}

/** The plan that the CLI would write for one command in a vault. */
export function planOf(vault: TestVault, ...command: readonly string[]): OpenPlan {
  return {
    version: 1,
    operation: 'open',
    image: vault.image,
    mountPoint: vault.mountPoint,
    home: vault.owner.home,
    key: {from: 'file', form: 'passphrase', path: vault.passphraseFile},
    ifOpen: 'refuse',
    bridges: [],
    session: {command, environment: {PATH: '/usr/bin:/bin'}, workingFolder: '/', ownTerminal: false},
  };
}
