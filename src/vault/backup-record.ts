import {mkdirSync, readFileSync} from 'node:fs';
import {join} from 'node:path';
import {userStateFolder} from '../config/own-home.ts';
import {replaceAtomically} from '../foundation/atomic-file.ts';
import {isObject} from '../foundation/shape.ts';
import {headerAt} from './image-header.ts';

/** The last backup of a vault that was compared with it. */
export type BackupRecord = {
  readonly file: string;
  /** When it was finished, ISO 8601. */
  readonly finished: string;
  readonly sha256: string;
  /** The copy was opened with a key, too. */
  readonly opened: boolean;
};

/**
 * Notes a backup in the state directory of its user, by the UUID of the vault: an image may be moved, and it may lie
 * where nothing else should, on a stick or in a directory that is synchronised. Returns false if it could not.
 */
export function recordBackup(uuid: string, record: BackupRecord): boolean {
  const path = pathOf(uuid);
  if (path === undefined) return false;
  try {
    mkdirSync(join(path, '..'), {recursive: true, mode: 0o700});
    replaceAtomically(path, `${JSON.stringify(record, undefined, 2)}\n`, 0o600);
    return true;
  } catch {
    // The backup is whole, whatever became of the note.
    return false;
  }
}

/** The last backup of the vault in an image, for its state. */
export function backupOf(image: string): {readonly backup?: BackupRecord} {
  const uuid = headerAt(image)?.uuid;
  const backup = uuid === undefined ? undefined : lastBackup(uuid);
  return backup === undefined ? {} : {backup};
}

/** The last backup of a vault that this user has made here; undefined where none is known. */
export function lastBackup(uuid: string): BackupRecord | undefined {
  const path = pathOf(uuid);
  if (path === undefined) return undefined;
  try {
    const record: unknown = JSON.parse(readFileSync(path, 'utf8'));
    return isBackupRecord(record) ? record : undefined;
  } catch {
    return undefined;
  }
}

function isBackupRecord(value: unknown): value is BackupRecord {
  if (!isObject(value)) return false;
  const {file, finished, sha256, opened} = value;
  return (
    typeof file === 'string' &&
    typeof finished === 'string' &&
    !Number.isNaN(Date.parse(finished)) &&
    typeof sha256 === 'string' &&
    typeof opened === 'boolean'
  );
}

/** `$XDG_STATE_HOME/tazpod/backups/UUID.json`. The header may say anything in place of a UUID. */
function pathOf(uuid: string): string | undefined {
  if (!/^[\da-f-]{36}$/i.test(uuid)) return undefined;
  return join(userStateFolder(), 'backups', `${uuid}.json`);
}
