import {vaultCommand} from '../../vault/given-image.ts';
import type {KeySlot} from '../../lifecycle/message.ts';

/** The key slots of a vault as a table, in the order of their numbers. */
export function describeKeys(keys: readonly KeySlot[]): string {
  const rows = keys.map((key) => [String(key.slot), key.name ?? '-', kindOf(key), costsOf(key)]);
  const table = [['SLOT', 'NAME', 'KIND', 'KEY DERIVATION'], ...rows];
  const widths = [0, 1, 2].map((column) => Math.max(...table.map((row) => row[column]!.length)));
  return table
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

/** What somebody should know about a key slot, and how to mend it. `named` is the image of their command line. */
export function keyRemarks(keys: readonly KeySlot[], named: string | undefined): string[] {
  return keys.flatMap((key) => {
    const what = key.name === undefined ? `Key slot ${key.slot}` : `Key "${key.name}"`;
    const given = key.kind === 'key-file' ? ' --key-file FILE --new-key-file FILE' : '';
    const mend = `Next: ${vaultCommand('vault passwd', named)}${given}`;
    return [
      ...(key.isWeak ? [`${what} is cheap to guess: its key derivation costs little. ${mend}`] : []),
      ...(key.fitsMemory
        ? []
        : [`${what} needs ${mebibytes(key)} of memory, which this machine does not have. On a larger one, ${mend}`]),
      ...(key.opensVault ? [] : [`${what} is not tried when the vault is opened.`]),
    ];
  });
}

function kindOf({kind, token, name}: KeySlot): string {
  if (token !== undefined) return token;
  return kind ?? (name === undefined ? 'not noted by TazPod' : 'unknown');
}

function costsOf(key: KeySlot): string {
  const {type, iterations} = key.kdf;
  return key.kdf.memoryKiB === undefined
    ? `${type}, ${iterations} iterations`
    : `${type}, ${mebibytes(key)}, ${iterations} passes`;
}

function mebibytes({kdf: {memoryKiB = 0}}: KeySlot): string {
  return `${Math.ceil(memoryKiB / 1024)} MiB`;
}
