import {mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {dirname, join} from 'node:path';
import type {KernelRoots} from '../../src/kernel/kernel-file.ts';

/** Recorded files of a machine by path, `proc/self/stat`; a value with an arrow is a symbolic link to what follows. */
export type Recording = Readonly<Record<string, string | Buffer>>;

const trees: string[] = [];

/** A recorded machine as a directory tree. `removeTrees` takes all of them away again. */
export function machine(recording: Recording): KernelRoots {
  const root = mkdtempSync(join(tmpdir(), 'tazpod-machine-'));
  trees.push(root);
  for (const folder of ['proc', 'sys', 'dev']) mkdirSync(join(root, folder));
  for (const [path, content] of Object.entries(recording)) {
    mkdirSync(dirname(join(root, path)), {recursive: true});
    if (typeof content === 'string' && content.startsWith('→')) symlinkSync(content.slice(1), join(root, path));
    else writeFileSync(join(root, path), content);
  }
  return {proc: join(root, 'proc'), sys: join(root, 'sys'), dev: join(root, 'dev')};
}

export function removeTrees(): void {
  for (const tree of trees.splice(0)) rmSync(tree, {recursive: true, force: true});
}
