import {describeAge} from '../../foundation/age.ts';
import {printablePath} from '../../foundation/printable.ts';
import {columnsOf, wrapText} from '../wrap.ts';
import {vaultCommand} from '../../vault/given-image.ts';
import {formatSize} from '../../vault/size.ts';
import type {Replacement, VaultState} from '../../vault/state.ts';
import {absorbCommand, describeStray} from '../../vault/stray-files.ts';

const meanings = (command: (words: string) => string): Readonly<Record<VaultState['state'], string>> => ({
  absent: `absent: there is no image. Create one with: ${command('vault create')}`,
  locked: `locked. Open it with: ${command('unlock')}`,
  open: 'open',
  busy: 'busy: another process is opening or closing it, or it is open where this one cannot see it (another container, a /proc with hidepid)',
  leftover: 'locked, but leftovers remain',
});

function stateWords({name, state, session, inside}: VaultState, named: string | undefined): string {
  const command = (words: string) =>
    name === undefined ? vaultCommand(words, named) : `tazpod ${words} --vault ${name}`;
  if (state !== 'open') return meanings(command)[state];
  return ['open', ...(session?.readOnly ? ['read-only'] : []), ...(inside ? ['and this shell is inside'] : [])].join(
    ', ',
  );
}

const replacements: Readonly<Record<Replacement, string>> = {
  nothing: 'is no longer at this path: it was moved or removed',
  copy: 'is no longer at this path: the file there is a copy of the vault, perhaps in another state',
  'another-vault': 'is no longer at this path: the file there is another vault',
  'another-file': 'is no longer at this path: the file there is not a vault',
};

/** The state of a vault for people; `named` is the image that they have named on the command line. */
export function describeState(vault: VaultState, named?: string, columns = columnsOf(process.stdout)): string {
  const {session} = vault;
  const rows: [string, string][] = [
    ...(vault.name === undefined ? [] : [['name', vault.name] as [string, string]]),
    ['image', vault.sizeBytes === undefined ? vault.image : `${vault.image} (${formatSize(vault.sizeBytes)})`],
    ['state', stateWords(vault, named)],
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
  if (vault.backup !== undefined) {
    const {file, finished, opened} = vault.backup;
    const how = opened ? 'compared and opened' : 'compared';
    rows.push(['backup', `${describeAge(new Date(finished))}, ${how}: ${printablePath(file)}`]);
  }
  if (vault.stray !== undefined) {
    const {mountPoint, names} = vault.stray;
    rows.push(['outside', `${describeStray(mountPoint, names)} Next: ${absorbCommand}`]);
  }
  for (const leftover of vault.leftovers ?? []) rows.push(['left over', leftover]);
  return rows.map(([name, value]) => wrapText(value, columns, `${name.padEnd(12)} `, ' '.repeat(13))).join('\n');
}
