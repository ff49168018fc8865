/** Compares dotted numbers one by one: `2.38.1` is not older than `2.38`, and `22.9` is older than `22.15`. */
export function isOlder(version: string, least: string): boolean {
  const [numbers, required] = [version, least].map((text) => text.split('.').map((part) => parseInt(part, 10) || 0));
  for (const [index, number] of required!.entries()) {
    const difference = (numbers![index] ?? 0) - number;
    if (difference !== 0) return difference < 0;
  }
  return false;
}
