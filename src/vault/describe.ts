import {formatSize} from './size.ts';
import type {Replacement, VaultState} from './state.ts';
import {absorbCommand, describeStray} from './stray-files.ts';

const meanings: Readonly<Record<VaultState['state'], string>> = {
  absent: 'absent: there is no image. Make one with: tazpod vault create',
  locked: 'locked. Open it with: tazpod unlock',
  open: 'open',
  busy: 'busy: it is being opened or closed, or open where this process cannot see it (another container, a /proc with hidepid)',
  leftover: 'locked, but something was left over',
};

const replacements: Readonly<Record<Replacement, string>> = {
  nothing: 'is not at this path any more, and nothing else is: it was moved or removed',
  copy: 'is not at this path any more: the file there is a copy of the vault, in another state perhaps',
  'another-vault': 'is not at this path any more: the file there is another vault',
  'another-file': 'is not at this path any more: the file there is no vault',
};

/** The state of a vault for people. */
export function describeState(vault: VaultState): string {
  const {session} = vault;
  const rows: [string, string][] = [
    ['image', vault.sizeBytes === undefined ? vault.image : `${vault.image} (${formatSize(vault.sizeBytes)})`],
    ['state', meanings[vault.state]],
  ];
  if (vault.replacedBy !== undefined) rows.push(['its image', replacements[vault.replacedBy]]);
  if (session !== undefined) {
    rows.push(
      ['engine', `${session.engine}, file system by ${session.fileSystem === 'ext4' ? 'the kernel' : 'fuse2fs'}`],
      ['isolation', session.isolation],
      ['mount point', `${session.mountPoint} (inside the ghost only)`],
      ['since', session.since],
      ['shells', String(session.shells)],
      ['processes', session.pids.join(' ')],
    );
    if (session.lostData) rows.push(['warning', 'the disk refused to store data; save your work outside the vault']);
  }
  if (vault.stray !== undefined) {
    const {mountPoint, names} = vault.stray;
    rows.push(['outside', `${describeStray(mountPoint, names)} Next: ${absorbCommand}`]);
  }
  for (const leftover of vault.leftovers ?? []) rows.push(['left over', leftover]);
  return rows.map(([name, value]) => `${name.padEnd(12)} ${value}`).join('\n');
}
