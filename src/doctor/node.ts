import type {DoctorContext} from './context.ts';
import type {Finding} from './finding.ts';
import {isOlder} from './version.ts';

/** The first Node with `process.execve`. */
export const leastNodeVersion = '22.15';

export function examineNode({nodeVersion, nodePath}: DoctorContext): Finding {
  const old = isOlder(nodeVersion, leastNodeVersion);
  return {
    id: 'node',
    title: 'Node.js',
    verdict: old ? 'missing' : 'ok',
    detail: `Version ${nodeVersion} at ${nodePath}${old ? `; TazPod needs ${leastNodeVersion} or newer` : ''}.`,
  };
}
