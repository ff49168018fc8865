/** Any text as one word of a POSIX shell. */
export function quotePosix(word: string): string {
  return `'${word.replaceAll("'", `'\\''`)}'`;
}

/** Programs that need the set-user-ID bit, which the kernel does not honour in a ghost. Their own words blame others. */
export const rootPrograms = ['sudo', 'su', 'doas', 'pkexec'];

export function noRoot(name: string): string {
  return `${name} cannot work inside a ghost: no program in it can become root.`;
}
