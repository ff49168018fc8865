import {closeSync, constants, fsyncSync, openSync, readFileSync, writeSync} from 'node:fs';
import {join} from 'node:path';
import {readProcessStat} from '../../kernel/process-record.ts';
import {makeOwnFolder} from './own-files.ts';

/** One line of `.tazpod/audit.jsonl`, and an element of the `result` of `secrets log --json`. */
export type AuditEntry = {
  /** ISO 8601. */
  readonly time: string;
  /** `reveal` is a value on a terminal; `read` one that went to a pipe or a file; `export` all variables. */
  readonly action: 'pull' | 'read' | 'reveal' | 'export' | 'login' | 'logout' | 'trust';
  /** Of secrets, files and variables; of the backend for login and logout; never a value. */
  readonly names: readonly string[];
  readonly uid: number;
  /** Who started the command. Its arguments are left out: they may hold anything. */
  readonly parent?: {readonly pid: number; readonly name: string};
};

/**
 * Adds one line. It is written by one write(2) at the end of the file, so that lines of several processes stay whole. In
 * a vault that is open read-only, nothing can be written down.
 */
export function audit(
  mountPoint: string,
  action: AuditEntry['action'],
  names: readonly string[],
  now = new Date(),
): void {
  const parent = readProcessStat(process.ppid);
  const entry: AuditEntry = {
    time: now.toISOString(),
    action,
    names,
    uid: process.getuid!(),
    ...(parent === undefined ? {} : {parent: {pid: process.ppid, name: parent.comm}}),
  };
  const fd = openLog(mountPoint);
  if (fd === undefined) return;
  try {
    writeSync(fd, `${JSON.stringify(entry)}\n`);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

function openLog(mountPoint: string): number | undefined {
  const {O_APPEND, O_CREAT, O_NOFOLLOW, O_WRONLY} = constants;
  try {
    makeOwnFolder(join(mountPoint, '.tazpod'));
    return openSync(auditPath(mountPoint), O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW, 0o600);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EROFS') return undefined;
    throw error;
  }
}

/** What was written down, the oldest first; lines that cannot be read are left out and counted. */
export function readAudit(mountPoint: string): {readonly entries: readonly AuditEntry[]; readonly damaged: number} {
  let text: string;
  try {
    text = readFileSync(auditPath(mountPoint), {encoding: 'utf8', flag: constants.O_RDONLY | constants.O_NOFOLLOW});
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return {entries: [], damaged: 0};
    throw error;
  }
  const lines = text.split('\n').filter((line) => line !== '');
  const entries = lines.flatMap((line) => {
    try {
      const entry = JSON.parse(line) as AuditEntry;
      return typeof entry.time === 'string' && Array.isArray(entry.names) ? [entry] : [];
    } catch {
      return [];
    }
  });
  return {entries, damaged: lines.length - entries.length};
}

function auditPath(mountPoint: string): string {
  return join(mountPoint, '.tazpod/audit.jsonl');
}
