import {absorbCommand, describeStray, strayNames} from '../vault/stray-files.ts';
import type {DoctorContext} from './context.ts';
import type {Finding} from './finding.ts';

/** What lies where the vault is going to be. */
export function examineMountPoint({mountPoint}: DoctorContext): Finding {
  const finding = {id: 'mount-point', title: 'Mount point'} as const;
  const names = mountPoint === undefined ? [] : strayNames(mountPoint);
  if (mountPoint === undefined || names.length === 0) {
    return {...finding, verdict: 'ok', detail: 'It contains no files outside the vault.'};
  }
  return {...finding, verdict: 'warning', detail: describeStray(mountPoint, names), fix: absorbCommand};
}
