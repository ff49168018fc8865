import {existsSync, statSync} from 'node:fs';
import {basename, dirname} from 'node:path';
import {describeAge} from '../foundation/age.ts';
import {printablePath} from '../foundation/printable.ts';
import {shellWord} from '../foundation/shell-word.ts';
import {type BackupRecord, backupOf} from './backup-record.ts';
import {orFine, type VaultFinding, warning} from './check-finding.ts';
import {keptBeside, namesIn} from './new-file.ts';
import type {VaultState} from './state.ts';
import {absorbCommand, describeStray, strayNames} from './stray-files.ts';

/** A backup of a vault that was changed since should not be older than this. */
const oldMs = 30 * 86_400_000;

/** Backups, what is left over of other calls, and files that are not in the vault. */
export function checkCare({image, leftovers = [], replacedBy}: VaultState, mountPoint?: string): VaultFinding[] {
  const stray = mountPoint === undefined ? [] : strayNames(mountPoint);
  return [
    ...orFine(backups(image), 'backup', 'The last backup is there and not older than what was changed.'),
    ...orFine(
      [
        ...leftovers.map((text) => warning('loop-device', text, 'tazpod vault clean')),
        ...unfinished(image),
        ...keptBeside(image).map(kept),
        ...(replacedBy === undefined
          ? []
          : [warning('replaced', 'Another file is at the path of the image that is open.', 'tazpod lock')]),
      ],
      'leftovers',
      'Nothing is left over.',
    ),
    ...(stray.length === 0 ? [] : [warning('stray-files', describeStray(mountPoint!, stray), absorbCommand)]),
  ];
}

function backups(image: string): VaultFinding[] {
  const {backup} = backupOf(image);
  if (backup === undefined) {
    return [warning('no-backup', 'No backup is known on this machine.', 'tazpod vault backup FILE')];
  }
  return [...missing(backup), ...old(backup, image)];
}

function missing({file}: BackupRecord): VaultFinding[] {
  if (existsSync(file)) return [];
  const detail = `The last backup, ${printablePath(file)}, cannot be reached at the moment.`;
  return [warning('backup-missing', detail, 'tazpod vault backup FILE')];
}

function old({finished}: BackupRecord, image: string): VaultFinding[] {
  const made = Date.parse(finished);
  if (Date.now() - made < oldMs || statSync(image).mtimeMs < made) return [];
  const detail = `The last backup was made ${describeAge(new Date(made))}, and the vault was changed since.`;
  return [warning('backup-old', detail, 'tazpod vault backup FILE')];
}

function unfinished(image: string): VaultFinding[] {
  const folder = dirname(image);
  const name = basename(image);
  return namesIn(folder).flatMap((each) => {
    const path = `${folder}/${each}`;
    if (!each.startsWith('.vault-in-the-making-') && !each.startsWith(`.${name}.tazpod-new-`)) return [];
    const detail = `${printablePath(path)} is of a call that was killed, or still runs.`;
    return warning('unfinished', detail, `rm ${shellWord(path)}`);
  });
}

function kept(path: string): VaultFinding {
  return warning(
    'kept',
    `${printablePath(path)} was kept by a restore, and old passphrases open it.`,
    `rm ${shellWord(path)}`,
  );
}
