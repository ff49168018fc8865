/** A path fit for a terminal: control characters are shown as escapes, so that no name can paint there. */
export function printablePath(path: string): string {
  return path.replace(/[\p{C}]/gu, (character) => `\\u{${character.codePointAt(0)!.toString(16)}}`);
}
