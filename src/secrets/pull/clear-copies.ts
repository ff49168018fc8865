import {lstatSync, unlinkSync} from 'node:fs';
import {sep} from 'node:path';
import type {IsPulled} from '../../contract/index.ts';
import {callBackend, type OpenedBackend} from '../backends/backends.ts';
import {planFolders} from './plan.ts';
import type {LeftOut} from './assemble.ts';
import {readAnswer} from '../installed/generations.ts';
import type {TrustRequest} from '../consent/open-trusted.ts';
import {decodeAnswer} from './stored-answer.ts';

/**
 * The files in the project that hold in the clear what is in the vault now, and nothing else. Only regular files of the
 * user's own below the project's folder are among them, even if a backend names others.
 */
export async function findClearCopies(
  {mapping, surroundings: {mountPoint}}: TrustRequest,
  backends: ReadonlyMap<string, OpenedBackend>,
  leftOut: readonly LeftOut[],
): Promise<string[]> {
  const requests = planFolders(mapping, backends);
  const copies: string[] = [];
  for (const opened of backends.values()) {
    const {backend, context} = opened;
    if (backend.clearCopies === undefined) continue;
    const answers = requests.filter((request) => request.opened === opened).map(({key}) => readAnswer(mountPoint, key));
    const isLeftOut = (secret: string) =>
      leftOut.some((each) => each.backend === opened.definition.name && each.secret === secret);
    const pulled = answers
      .flatMap((bytes) => (bytes && decodeAnswer(bytes)?.secrets) ?? [])
      .filter(({name}) => !isLeftOut(name));
    const isPulled: IsPulled = (name, value) =>
      pulled.some((each) => each.name === name && Buffer.from(each.value).equals(value));
    const names = pulled.map(({name}) => name);
    try {
      const look = async () => backend.clearCopies!(context, names, isPulled);
      copies.push(...(await callBackend(opened, 'look for files', look)));
    } finally {
      for (const bytes of answers) bytes?.fill(0);
    }
  }
  return [...new Set(copies)].filter((path) => isOwnFile(path, mapping.projectFolder));
}

/** Removes files. Their old content may still be on the disk, in backups, and in a history of git. */
export function removeClearCopies(paths: readonly string[]): void {
  for (const path of paths) unlinkSync(path);
}

function isOwnFile(path: string, projectFolder: string): boolean {
  const stat = lstatSync(path, {throwIfNoEntry: false});
  return path.startsWith(projectFolder + sep) && stat?.isFile() === true && stat.uid === process.getuid!();
}
