import {describeAge} from '../../foundation/age.ts';
import {formatSize} from '../../vault/size.ts';
import type {RestorePreview, StoredVault} from '../../vault/restore.ts';
import {columnsOf, wrapText} from '../wrap.ts';

/** What a restore would do, for people. */
export function describePreview(preview: RestorePreview, columns = columnsOf(process.stdout)): string {
  const {file, image, backup, current, differences} = preview;
  const rows: [string, string][] = [
    ['backup', `${file}: ${describeVault(backup)}`],
    ['image', `${image}: ${current === undefined ? 'no vault' : describeVault(current)}`],
    ...differences.map((difference): [string, string] => ['difference', difference]),
  ];
  return rows.map(([name, value]) => wrapText(value, columns, `${name.padEnd(12)} `, ' '.repeat(13))).join('\n');
}

function describeVault({sizeBytes, modified, uuid, keySlots}: StoredVault): string {
  const slots = `key ${keySlots.length === 1 ? 'slot' : 'slots'} ${keySlots.join(', ')}`;
  return `${formatSize(sizeBytes)}, written ${describeAge(new Date(modified))}, UUID ${uuid}, ${slots}`;
}
