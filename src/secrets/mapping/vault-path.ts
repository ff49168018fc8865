/** Names at the top of a vault that are not for secrets. Others are the ends of bridges. */
const reserved = ['.tazpod', 'lost+found'];

/** What Linux allows in a name, and what is sane in a path that programs write into configuration files. */
const nameLimitBytes = 255;
const pathLimitBytes = 1024;

/**
 * What is wrong with a path that is to be a file of the vault, as the end of a sentence (`leaves the vault.`), or
 * undefined. The path may come out of a store or of a cloned repository.
 */
export function faultOfVaultPath(path: string, bridgeEnds: readonly string[] = []): string | undefined {
  if (path.startsWith('/') || path.startsWith('~')) return 'must be relative to the mount point.';
  const names = path.split('/');
  if (names.includes('..')) return 'points outside the vault.';
  if (names.some((name) => name === '' || name === '.')) return 'has an empty component.';
  if (/[\p{Cc}\p{Cf}\u2028\u2029\ufffd]/u.test(path)) return 'contains an invisible character.';
  if (!path.isWellFormed()) return 'is not Unicode.';
  if (names.some((name) => Buffer.byteLength(name) > nameLimitBytes) || Buffer.byteLength(path) > pathLimitBytes) {
    return 'is too long.';
  }
  const taken = [...reserved, ...bridgeEnds].find((end) => within(foldCase(path), foldCase(end)));
  return taken === undefined ? undefined : `is in ${taken}, which is reserved.`;
}

/** One of some paths that cannot stand beside this one: the same, a folder of the other, or different in case only. */
export function collidingPath(path: string, others: readonly string[]): string | undefined {
  const folded = foldCase(path);
  return others.find((other) => within(folded, foldCase(other)) || within(foldCase(other), folded));
}

/** A key under which all paths are the same that some file system takes for the same. */
export function foldCase(path: string): string {
  return path.normalize('NFKC').toLowerCase().normalize('NFKC');
}

function within(path: string, folder: string): boolean {
  return path === folder || path.startsWith(`${folder}/`);
}
