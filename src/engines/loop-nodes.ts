import {closeSync, existsSync, openSync, unlinkSync} from 'node:fs';
import {run} from '../kernel/program.ts';

/** Where the kernel hands out loop devices, see loop(4). */
const control = '/dev/loop-control';

/** The next free loop device can be opened, or the reason why not. `forget` removes the node if we had to make it. */
export type FreeLoop = {readonly usable: true; forget(): void} | {readonly usable: false; readonly why: string};

/**
 * Makes sure that the next free loop device has a node that this process may open. In a container, /dev is often a
 * directory that nobody keeps up to date: the device is there and its node is not.
 *
 * Safe as root: losetup(8) names the device, and a node is only ever made for it, for root alone.
 */
export async function prepareFreeLoop(): Promise<FreeLoop> {
  if (!mayOpen(control)) return {usable: false, why: 'there are no loop devices, or this process may not make them'};
  const node = (await run('losetup', ['--find'])).stdout.toString().trim();
  const [, minor] = /^\/dev\/loop(\d+)$/.exec(node) ?? [];
  if (minor === undefined) return {usable: false, why: 'no loop device is free'};
  const forget = await makeNode(node, minor);
  if (mayOpen(node)) return {usable: true, forget};
  forget();
  return {usable: false, why: 'the rules of this container forbid loop devices'};
}

/**
 * Makes the nodes of these loop devices (`loop0`) where they are missing, so that the kernel can be asked about them.
 * What is no loop device is left alone. `forget` removes the nodes that were made.
 *
 * Safe as root: the names are the kernel's; a node is made for root alone.
 */
export async function prepareLoops(names: readonly string[]): Promise<{forget(): void}> {
  const made: (() => void)[] = [];
  for (const name of names) {
    const [, minor] = /^loop(\d+)$/.exec(name) ?? [];
    if (minor !== undefined) made.push(await makeNode(`/dev/${name}`, minor));
  }
  return {forget: () => made.forEach((forget) => forget())};
}

/** Returns how to remove what was made. */
async function makeNode(node: string, minor: string): Promise<() => void> {
  const made = !existsSync(node) && (await run('mknod', ['--mode=0600', node, 'b', '7', minor])).code === 0;
  return () => {
    if (made) unlinkSync(node);
  };
}

/** Whether loop devices can be had at all, as far as one can tell without asking for one. */
export function hasLoopDevices(): boolean {
  return mayOpen(control);
}

function mayOpen(path: string): boolean {
  try {
    closeSync(openSync(path, 'r'));
    return true;
  } catch {
    return false;
  }
}
