/** Powers of 1024, as cryptsetup's own --device-size counts them. */
const units = ['', 'K', 'M', 'G', 'T'];

/** A size such as `512M`, `2GiB` or `1073741824`. */
export const sizePattern = /^(\d+(?:\.\d+)?)\s*([KMGT]?)(?:i?B)?$/i;

/** Reads a size, in bytes; undefined for what is none. It may be a fraction of a byte. */
export function bytesOf(size: string): number | undefined {
  const [, number, unit] = sizePattern.exec(size.trim()) ?? [];
  return number === undefined ? undefined : Number(number) * 1024 ** units.indexOf(unit!.toUpperCase());
}
