/** The only number of stripes that cryptsetup reads or writes, with any header (`LUKS_STRIPES`). */
export const afStripes = 4000;

/** Bytes that a key takes in its slot's area: split into stripes, in whole 512-byte sectors (`AF_split_sectors`). */
export function splitKeySizeBytes(keySizeBytes: number): number {
  return Math.ceil((keySizeBytes * afStripes) / 512) * 512;
}
