import {lastChecked} from './checked.ts';
import {readRecord} from './generations.ts';

/** What was pulled into a vault, and when that was last found to be what the stores have. Undefined where nothing was. */
export function summarizePulled(mountPoint: string) {
  const record = readRecord(mountPoint);
  if (record === undefined) return undefined;
  const {files, variables, profile, pulled} = record;
  return {
    files: files.length,
    variables: variables.length,
    checked: lastChecked(mountPoint)?.toISOString() ?? pulled,
    ...(profile === undefined ? {} : {profile}),
  };
}
