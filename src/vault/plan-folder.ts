import {mkdtempSync, readdirSync, rmSync, statSync} from 'node:fs';
import {join} from 'node:path';
import {readNamespace} from '../kernel/process-record.ts';
import {identifyProcess, isAlive} from '../kernel/process.ts';
import {noTemporaryDirectory} from './failures.ts';
import {findRuntimeFolders} from './runtime-folder.ts';

const pattern = /^tazpod-([\da-z]+)\.([\da-z]+)\.([\da-z]+)-\w{6}$/;
const radix = 36;

/** Makes the folder of a plan in the first directory that takes it. Throws a Failure (73) where none does. */
export function placePlanFolder(environment: NodeJS.ProcessEnv = process.env): string {
  const {usable, refused} = findRuntimeFolders(environment);
  const reasons = refused.map(({variable, why}) => `${variable}: ${why}`);
  for (const parent of usable) {
    try {
      return makePlanFolder(parent);
    } catch (error) {
      // A full disk or a quota shows only now.
      reasons.push(`${parent}: the kernel returned ${(error as NodeJS.ErrnoException).code ?? 'an error'}`);
    }
  }
  throw noTemporaryDirectory(reasons);
}

/**
 * Makes a folder, which only this user can enter, for a plan and the socket beside it. The ghost removes both as soon as
 * it has them, but a `kill` of everything before it could leaves them: so the folder bears the name of its process, and
 * the next call removes those whose process has ended.
 *
 * A pid says nothing in another PID namespace, so folders of other namespaces are left to them.
 */
export function makePlanFolder(parent: string): string {
  const namespace = readNamespace('self', 'pid') ?? 0;
  removeAbandoned(parent, namespace);
  const {pid, startTicks} = identifyProcess(process.pid) ?? {pid: process.pid, startTicks: 0};
  const owner = [namespace, pid, startTicks].map((number) => number.toString(radix)).join('.');
  return mkdtempSync(join(parent, `tazpod-${owner}-`));
}

function removeAbandoned(parent: string, namespace: number): void {
  for (const name of readdirSync(parent)) {
    const [, ofNamespace, pid, startTicks] = pattern.exec(name)?.map((text) => parseInt(text, radix)) ?? [];
    if (pid === undefined || startTicks === undefined || ofNamespace !== namespace) continue;
    if (isAlive({pid, startTicks}) || !isOwn(join(parent, name))) continue;
    rmSync(join(parent, name), {recursive: true, force: true});
  }
}

/** In a folder that users share, others' folders are theirs to remove. */
function isOwn(path: string): boolean {
  const stat = statSync(path, {throwIfNoEntry: false});
  return stat?.isDirectory() === true && stat.uid === process.getuid!();
}
