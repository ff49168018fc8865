import {replaceOwnFile} from '../vault-directory/own-files.ts';
import {pulledPath, readIfThere, readRecord} from './generations.ts';

/** When a pull last found that what is here is what the stores have. */
export function lastChecked(mountPoint: string): Date | undefined {
  const text = readIfThere(pulledPath(mountPoint, 'checked'))?.toString('latin1') ?? readRecord(mountPoint)?.pulled;
  const time = Date.parse(text ?? '');
  return Number.isNaN(time) ? undefined : new Date(time);
}

export function markChecked(mountPoint: string, now: Date): void {
  replaceOwnFile(pulledPath(mountPoint, 'checked'), Buffer.from(now.toISOString()));
}
