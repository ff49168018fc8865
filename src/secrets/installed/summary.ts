import {Generations} from './generations.ts';

/** What was pulled into a vault, and when that was last found to be what the stores have. Undefined where nothing was. */
export function summarizePulled(mountPoint: string) {
  const generations = new Generations(mountPoint);
  const record = generations.record();
  if (record === undefined) return undefined;
  const {files, variables, profile, pulled} = record;
  return {
    files: files.length,
    variables: variables.length,
    checked: generations.lastChecked()?.toISOString() ?? pulled,
    ...(profile === undefined ? {} : {profile}),
  };
}
