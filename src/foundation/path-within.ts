/** Whether an absolute path lies below a directory, by its name alone: links are not followed. */
export function isBelow(path: string, directory: string): boolean {
  return path !== directory && path.startsWith(directory === '/' ? '/' : `${directory}/`);
}

/** Whether a path is the directory's own or lies below it. */
export function isWithin(path: string, directory: string): boolean {
  return path === directory || isBelow(path, directory);
}

/** A path as people write it: `~/secrets`. */
export function fromHome(path: string, home: string): string {
  return home !== '/' && isWithin(path, home) ? `~${path.slice(home.length)}` : path;
}
