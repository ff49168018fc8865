/** True when a version comes after another. False for what is no version. */
export async function isNewer(version: string, than: string): Promise<boolean> {
  const {lt, valid} = (await import('semver')).default;
  return valid(version) !== null && valid(than) !== null && lt(than, version);
}
