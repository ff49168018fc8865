/**
 * Decides which secrets of a folder `exclude` leaves out. A pattern without a slash is held against the name, in any
 * folder; one with a slash against the path from the folder. `*` and `?` match within a name, `**` across folders.
 */
export function excluder(
  patterns: readonly string[],
  folder: string,
): (secret: {readonly name: string; readonly path: string}) => boolean {
  const compiled = patterns.map((pattern) => ({
    inPath: pattern.includes('/'),
    expression: expressionOf(pattern.replace(/^\//, '')),
  }));
  return ({name, path}) => {
    const below = path === folder ? name : `${path.slice(folder === '/' ? 1 : folder.length + 1)}/${name}`;
    return compiled.some(({inPath, expression}) => expression.test(inPath ? below : name));
  };
}

function expressionOf(pattern: string): RegExp {
  const parts = pattern.split(/(\*\*\/|\*\*|\*|\?)/).map((part) => {
    if (part === '**/') return '(?:.*/)?';
    if (part === '**') return '.*';
    if (part === '*') return '[^/]*';
    if (part === '?') return '[^/]';
    return part.replaceAll(/[\\^$.+()[\]{}|/]/g, '\\$&');
  });
  return new RegExp(`^${parts.join('')}$`, 'su');
}
